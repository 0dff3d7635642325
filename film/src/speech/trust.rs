//! Whether word times that were found by comparison are to be believed.

/// What speaks for and against.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evidence {
    /// What the comparison cost, beside that with the same reading run backwards: 1.0 where the speech has nothing to
    /// do with the reading.
    pub likeness: f64,
    /// How much slower the speech is than the reading, pauses left out.
    pub pace: f64,
    /// How many times faster or slower than the whole the sentence is spoken that differs most: at least 1.
    pub steadiness: f64,
}

/// Why word times are not to be believed.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum Doubt {
    /// Another text is spoken, or too little can be heard.
    #[error("the sound is not like the text (likeness {0:.2})")]
    Unlike(f64),
    /// Parts of the text are left out, or something else is said besides.
    #[error("a sentence would be spoken {0:.1} times faster or slower than the whole")]
    Unsteady(f64),
}

/// The comparison must cost so much less than chance. Voices that speak the text come to 0.34–0.85, in noise too, and
/// those that speak another one to 0.90–0.96.
const MAX_LIKENESS: f64 = 0.875;
/// Nobody speaks so much slower or faster than another.
const MAX_PACE: f64 = 3.0;
/// No sentence is spoken so much slower or faster than the whole.
const MAX_STEADINESS: f64 = 2.0;

impl Evidence {
    /// Whether anybody speaks at such a pace.
    #[must_use]
    pub fn may_have(pace: f64) -> bool {
        (1.0 / MAX_PACE..=MAX_PACE).contains(&pace)
    }

    /// The first reason against, if there is one.
    pub fn weigh(&self) -> Result<(), Doubt> {
        if self.likeness > MAX_LIKENESS || self.likeness.is_nan() {
            return Err(Doubt::Unlike(self.likeness));
        }
        if self.steadiness > MAX_STEADINESS {
            return Err(Doubt::Unsteady(self.steadiness));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_like_the_text_and_steady_is_believed_and_nothing_else() {
        let evidence = |likeness, steadiness| Evidence { likeness, pace: 1.0, steadiness };
        assert_eq!(evidence(0.8, 1.3).weigh(), Ok(()));
        assert_eq!(evidence(0.92, 1.3).weigh(), Err(Doubt::Unlike(0.92)));
        assert!(evidence(f64::NAN, 1.0).weigh().is_err());
        assert_eq!(evidence(0.8, 2.6).weigh(), Err(Doubt::Unsteady(2.6)));
        assert!(evidence(0.8, f64::INFINITY).weigh().is_err());
    }

    #[test]
    fn nobody_speaks_four_times_as_fast_as_another() {
        assert!(Evidence::may_have(0.5) && Evidence::may_have(2.0));
        assert!(!Evidence::may_have(4.0) && !Evidence::may_have(0.2) && !Evidence::may_have(f64::NAN));
    }
}
