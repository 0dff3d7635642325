//! Work that continues to its end once it has begun: neither a caller who hangs up nor a stop of the process cuts a batch
//! of writes in half.

use tokio_util::task::TaskTracker;

use crate::problem::Problem;
use crate::task_limits::TaskLimits;

/// What has begun and not ended yet. Cheap to clone; clones count the same work.
#[derive(Clone, Debug, Default)]
pub struct Tasks {
    begun: TaskTracker,
    /// How much may begin.
    pub limits: TaskLimits,
}

impl Tasks {
    /// Runs work to its end, also if this future is dropped. `what` stands in the answer if the work panics.
    pub async fn run<T: Send + 'static>(
        &self,
        what: &str,
        work: impl Future<Output = Result<T, Problem>> + Send + 'static,
    ) -> Result<T, Problem> {
        let running = self.begun.spawn(work);
        running.await.map_err(|error| Problem::internal(&format!("{what} was broken off"), &error))?
    }

    /// Waits until all that has begun has ended. To be called when nobody is left who could begin anything.
    pub async fn ended(&self) {
        self.begun.close();
        self.begun.wait().await;
    }

    /// How much has begun and not ended yet.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.begun.len()
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use futures::FutureExt;
    use tokio::sync::oneshot;

    use super::*;

    #[tokio::test]
    async fn what_has_begun_ends_without_its_caller_and_is_waited_for() {
        let tasks = Tasks::default();
        let ((start, begun), (resume, resumed), (finish, ended)) =
            (oneshot::channel(), oneshot::channel::<()>(), oneshot::channel());
        let work = async move {
            start.send(()).unwrap();
            resumed.await.unwrap();
            finish.send(()).unwrap();
            Ok(())
        };
        tokio::select! {
            answer = tasks.run("the batch", work) => panic!("{answer:?}"),
            _ = begun => {}
        }
        assert_eq!(tasks.under_way(), 1);
        assert_eq!(tasks.ended().now_or_never(), None);
        resume.send(()).unwrap();
        tasks.ended().await;
        assert_eq!((ended.now_or_never(), tasks.under_way()), (Some(Ok(())), 0));
    }

    #[tokio::test]
    async fn who_waits_for_work_gets_its_result_or_learns_that_it_broke_off() {
        let tasks = Tasks::default();
        assert_eq!(tasks.run("the batch", async { Ok(7) }).await, Ok(7));
        let refused = Problem::bad_request("no");
        assert_eq!(
            tasks.run::<()>("the batch", async { Err(Problem::bad_request("no")) }).await,
            Err(refused)
        );
        let broken = tasks.run::<()>("the batch", async { panic!("a bug") }).await.unwrap_err();
        assert_eq!(broken.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(broken.detail.starts_with("the batch was broken off"), "{}", broken.detail);
        tasks.ended().await;
    }
}
