//! The attempt's log: JSON lines on standard output, and the same lines in the bucket in numbered
//! chunks that are written once. Work never waits for the log: a bucket that is out of reach costs
//! lines, and a line says how many.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use videofactory_pipeline::{StepInput, clock};
use videofactory_storage::{Bucket, PutOptions};

/// A chunk is written when so many bytes wait …
const CHUNK_BYTES: usize = 256 * 1024;
/// … or when so much time has passed.
const CHUNK_EVERY: Duration = Duration::from_secs(3);
/// Lines beyond this wait no longer: they are left out of the bucket.
const MOST_WAITING_BYTES: usize = 4 * 1024 * 1024;
/// How long the last chunk may take.
const LAST_CHUNK_TAKES: Duration = Duration::from_secs(5);

/// Lines on their way to the bucket. Clones share them.
#[derive(Clone, Default)]
pub struct Log(Arc<Shared>);

#[derive(Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    enough: Notify,
}

#[derive(Default)]
struct Waiting {
    bytes: Vec<u8>,
    left_out: u64,
}

impl Log {
    /// Sends every event of this process to standard output and to this log. `RUST_LOG` chooses
    /// which; without it, ours from `info` and the libraries' from `warn`.
    pub fn install(&self) {
        let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| {
            tracing_subscriber::EnvFilter::new("warn,videofactory=info,videofactory_worker=info")
        });
        let subscriber = tracing_subscriber::fmt()
            .json()
            .flatten_event(true)
            .with_timer(Clock)
            .with_env_filter(filter)
            .with_writer(self.clone())
            .finish();
        // Only a second log in one process can fail here, and the first then holds everything.
        let _ = tracing::subscriber::set_global_default(subscriber);
    }

    /// Writes chunks to the bucket until `done`, and what is left then.
    pub async fn keep(self, bucket: Bucket, input: StepInput, done: CancellationToken) {
        let mut chunk = 0;
        while !done.is_cancelled() {
            tokio::select! {
                () = done.cancelled() => {}
                () = self.0.enough.notified() => {}
                () = tokio::time::sleep(CHUNK_EVERY) => {}
            }
            let ending = done.is_cancelled();
            let write = self.write_chunk(&bucket, &input, chunk);
            let written = if ending {
                tokio::time::timeout(LAST_CHUNK_TAKES, write).await.unwrap_or_default()
            } else {
                write.await
            };
            chunk += u32::from(written);
        }
    }

    /// Writes what waits as one chunk; whether that chunk now exists. What could not be written
    /// waits on.
    async fn write_chunk(&self, bucket: &Bucket, input: &StepInput, chunk: u32) -> bool {
        let bytes = self.lock().take();
        if bytes.is_empty() {
            return false;
        }
        let key = input.job.keys().log_chunk(input.step, input.attempt, chunk);
        // A chunk that exists is this one: nobody else writes this attempt's log, so its answer was lost.
        let written =
            bucket.put_once(&key, bytes.clone(), &PutOptions::of_type("application/x-ndjson")).await.is_ok();
        if !written {
            self.lock().give_back(bytes);
        }
        written
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn add(&mut self, line: &[u8]) {
        if self.bytes.len() + line.len() > MOST_WAITING_BYTES {
            self.left_out += 1;
            return;
        }
        self.bytes.extend_from_slice(line);
    }

    fn take(&mut self) -> Vec<u8> {
        let mut bytes = std::mem::take(&mut self.bytes);
        if self.left_out > 0 {
            let note = serde_json::json!({
                "timestamp": clock::now(), "level": "WARN",
                "message": format!("{} lines are missing here: the bucket was out of reach", self.left_out),
            });
            bytes.extend_from_slice(format!("{note}\n").as_bytes());
            self.left_out = 0;
        }
        bytes
    }

    fn give_back(&mut self, mut bytes: Vec<u8>) {
        bytes.append(&mut self.bytes);
        self.bytes = bytes;
    }
}

/// One event's line: the formatter hands over a whole one at a time.
pub struct Line(Log);

impl Write for Line {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // A closed standard output is no reason to fail.
        let _ = io::stdout().write_all(line);
        let mut waiting = self.0.lock();
        waiting.add(line);
        if waiting.bytes.len() >= CHUNK_BYTES {
            self.0.0.enough.notify_one();
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stdout().flush()
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line(self.clone())
    }
}

/// The timestamps of lines.
struct Clock;

impl FormatTime for Clock {
    fn format_time(&self, out: &mut Writer<'_>) -> std::fmt::Result {
        write!(out, "{}", clock::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_could_not_be_stored_wait_in_order() {
        let mut waiting = Waiting::default();
        waiting.add(b"1\n");
        let taken = waiting.take();
        waiting.add(b"2\n");
        waiting.give_back(taken);
        assert_eq!(waiting.take(), b"1\n2\n");
    }

    #[test]
    fn a_log_that_cannot_be_stored_stays_small_and_says_what_is_missing() {
        let mut waiting = Waiting::default();
        let line = vec![b'x'; MOST_WAITING_BYTES / 2];
        for _ in 0..5 {
            waiting.add(&line);
        }
        let taken = String::from_utf8(waiting.take()).unwrap();
        assert!(taken.len() < MOST_WAITING_BYTES + 200);
        assert!(taken.contains("3 lines are missing here"), "no line tells of the loss");
        assert!(waiting.take().is_empty());
    }
}
