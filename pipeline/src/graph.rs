//! The steps and what each needs. Adding a step is an entry here and a module in the worker.

use videofactory_crds::StepName;

/// What sort of work a step is, which decides how its progress is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Granularity {
    /// One unit for the whole film.
    Film,
    /// One unit for each scene.
    Scenes,
}

/// One entry of the graph.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// The step.
    pub name: StepName,
    /// The steps whose results it reads. All of them are done before it begins.
    pub needs: &'static [StepName],
    /// How its progress is counted.
    pub granularity: Granularity,
    /// Seconds that an attempt may take, and seconds more for each scene of it.
    pub deadline: (u32, u32),
}

/// Every step, each after the steps that it needs.
///
/// Narration comes before animation, because the voice decides how long a scene lasts.
pub const STEPS: &[Step] = &[
    Step { name: StepName::WriteScript, needs: &[], granularity: Granularity::Film, deadline: (600, 0) },
    Step {
        name: StepName::GenerateImages,
        needs: &[StepName::WriteScript],
        granularity: Granularity::Scenes,
        deadline: (600, 120),
    },
    Step {
        name: StepName::NarrateScenes,
        needs: &[StepName::WriteScript],
        granularity: Granularity::Scenes,
        deadline: (600, 120),
    },
    Step {
        name: StepName::AnimateScenes,
        needs: &[StepName::WriteScript, StepName::GenerateImages, StepName::NarrateScenes],
        granularity: Granularity::Scenes,
        deadline: (900, 600),
    },
    Step {
        name: StepName::AssembleVideo,
        needs: &[
            StepName::WriteScript,
            StepName::GenerateImages,
            StepName::NarrateScenes,
            StepName::AnimateScenes,
        ],
        granularity: Granularity::Film,
        deadline: (1800, 60),
    },
    Step {
        name: StepName::PublishVideo,
        needs: &[StepName::WriteScript, StepName::AssembleVideo],
        granularity: Granularity::Film,
        deadline: (3600, 0),
    },
];

/// The entry of one step.
#[must_use]
pub fn step(name: StepName) -> &'static Step {
    STEPS.iter().find(|step| step.name == name).unwrap_or(&STEPS[0])
}

/// The steps that read this step's result, at any distance.
#[must_use]
pub fn downstream(name: StepName) -> Vec<StepName> {
    let mut found = vec![name];
    for step in STEPS {
        if step.needs.iter().any(|need| found.contains(need)) && !found.contains(&step.name) {
            found.push(step.name);
        }
    }
    found.remove(0);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_is_listed_once_and_after_what_it_needs() {
        for (place, entry) in STEPS.iter().enumerate() {
            for need in entry.needs {
                assert!(STEPS[..place].iter().any(|earlier| earlier.name == *need));
            }
        }
        for name in StepName::ALL {
            assert_eq!(STEPS.iter().filter(|entry| entry.name == name).count(), 1);
            assert_eq!(step(name).name, name);
        }
    }

    #[test]
    fn all_follows_from_the_script() {
        assert_eq!(downstream(StepName::WriteScript).len(), STEPS.len() - 1);
        assert!(downstream(StepName::PublishVideo).is_empty());
    }
}
