//! A step's message that ends in what a person should know of its result.

/// Stands between what was done and the remark.
const SEPARATOR: &str = "; ";

/// What was done, and the remark on it if there is one.
#[must_use]
pub fn with_remark(done: &str, remark: Option<&str>) -> String {
    remark.map_or_else(|| done.to_owned(), |remark| format!("{done}{SEPARATOR}{remark}"))
}

/// The remark of a message that [`with_remark`] has made.
#[must_use]
pub fn remark_of(message: &str) -> Option<&str> {
    message.split_once(SEPARATOR).map(|(_, remark)| remark)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remark_is_found_again_in_its_message() {
        for remark in [None, Some("it fits any topic"), Some("it is short; it is repeated")] {
            assert_eq!(remark_of(&with_remark("the storyboard has 3 scenes", remark)), remark);
        }
    }
}
