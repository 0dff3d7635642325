//! Putting back what a test has changed for others.

use std::panic::{AssertUnwindSafe, resume_unwind};

use futures::FutureExt;

/// Runs `work` and then `undo`, also where `work` fails or panics. The first error of both; one of `undo` is printed, too.
pub fn finally<T>(
    work: impl Future<Output = anyhow::Result<T>>,
    undo: impl Future<Output = anyhow::Result<()>>,
) -> impl Future<Output = anyhow::Result<T>> {
    // Whole tests are put in here, one in the other: by value, each would make the next one larger.
    let work = Box::pin(work);
    async move {
        let done = AssertUnwindSafe(work).catch_unwind().await;
        let undone =
            undo.await.inspect_err(|error| eprintln!("failed to put back what was changed: {error:#}"));
        match done {
            Ok(done) => done.and_then(|done| undone.map(|()| done)),
            Err(panic) => resume_unwind(panic),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use anyhow::anyhow;

    use super::*;

    #[tokio::test]
    async fn what_was_changed_is_put_back_after_an_end_an_error_and_a_panic() {
        let undone = Cell::new(0);
        let undo = async || {
            undone.set(undone.get() + 1);
            anyhow::Ok(())
        };
        assert_eq!(finally(async { anyhow::Ok(7) }, undo()).await.unwrap(), 7);
        let fails = async { Err::<(), _>(anyhow!("the work")) };
        assert_eq!(finally(fails, undo()).await.unwrap_err().to_string(), "the work");
        let panics = async { Ok("no number".parse::<u8>().unwrap()) };
        AssertUnwindSafe(finally(panics, undo())).catch_unwind().await.unwrap_err();
        assert_eq!(undone.get(), 3);
    }

    #[tokio::test]
    async fn an_error_of_the_work_comes_before_one_of_what_puts_things_back() {
        let undo = async || Err::<(), _>(anyhow!("the undoing"));
        let reported = finally(async { anyhow::Ok(()) }, undo()).await;
        assert_eq!(reported.unwrap_err().to_string(), "the undoing");
        let fails = async { Err::<(), _>(anyhow!("the work")) };
        assert_eq!(finally(fails, undo()).await.unwrap_err().to_string(), "the work");
    }
}
