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
use videofactory_pipeline::{Digest, StepInput, clock};
use videofactory_storage::{Bucket, ObjectInfo, PutOnce, PutOptions};

/// A chunk is written when so many bytes wait …
const CHUNK_BYTES: usize = 256 * 1024;
/// … or when so much time has passed.
const CHUNK_EVERY: Duration = Duration::from_secs(3);
/// Lines beyond this wait no longer: they are left out of the bucket.
const MAX_WAITING_BYTES: usize = 4 * 1024 * 1024;
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
    dropped: u64,
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
            .with_span_list(false)
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
        // The last pass begins after the end: what is logged while a chunk is on its way is not in that one.
        let mut ending = false;
        while !ending {
            tokio::select! {
                () = done.cancelled() => {}
                () = self.0.enough.notified() => {}
                () = tokio::time::sleep(CHUNK_EVERY) => {}
            }
            ending = done.is_cancelled();
            let write = self.write_chunk(&bucket, &input, chunk);
            chunk = if ending {
                tokio::time::timeout(LAST_CHUNK_TAKES, write).await.unwrap_or(chunk)
            } else {
                write.await
            };
        }
    }

    /// Writes what waits as one chunk of this number or the next that is free; the number after it. What could not be
    /// written waits on.
    async fn write_chunk(&self, bucket: &Bucket, input: &StepInput, mut chunk: u32) -> u32 {
        let options = PutOptions::of_type("application/x-ndjson");
        let mut bytes = self.lock().take();
        while !bytes.is_empty() {
            let key = input.job.keys().log_chunk(input.step, input.attempt, chunk);
            match bucket.put_once(&key, bytes.clone(), &options).await {
                Ok(PutOnce::Created(_)) => bytes.clear(),
                Ok(PutOnce::AlreadyExists(there)) => drop(bytes.drain(..held(&bytes, &there))),
                Err(_) => {
                    self.lock().give_back(bytes);
                    return chunk;
                }
            }
            chunk += 1;
        }
        chunk
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many of these bytes a chunk that is there holds: all or the first of them, if the answer to an earlier try was
/// lost and lines have come since; none, if it is somebody else's.
fn held(bytes: &[u8], there: &ObjectInfo) -> usize {
    let first = usize::try_from(there.size).ok().and_then(|size| bytes.get(..size)).unwrap_or_default();
    let same = |sha256: &String| sha256.starts_with(Digest::of_bytes(first).as_str());
    if there.sha256.as_ref().is_some_and(same) { first.len() } else { 0 }
}

impl Waiting {
    fn add(&mut self, line: &[u8]) {
        if self.bytes.len() + line.len() > MAX_WAITING_BYTES {
            self.dropped += 1;
            return;
        }
        self.bytes.extend_from_slice(line);
    }

    fn take(&mut self) -> Vec<u8> {
        let mut bytes = std::mem::take(&mut self.bytes);
        if self.dropped > 0 {
            let note = serde_json::json!({
                "timestamp": clock::now(), "level": "WARN",
                "message": "lines are missing here: the bucket was out of reach", "lines": self.dropped,
            });
            bytes.extend_from_slice(format!("{note}\n").as_bytes());
            self.dropped = 0;
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
    use futures::TryStreamExt;
    use videofactory_crds::StepName;
    use videofactory_tests::r2_proxy::{Effect, Fault, ProxyOptions, R2Proxy};
    use videofactory_tests::s3_server::S3Server;

    use super::*;

    async fn bucket() -> (S3Server, R2Proxy, Bucket) {
        let server = S3Server::start().await.unwrap();
        server.create_bucket("films").unwrap();
        let proxy = R2Proxy::start(ProxyOptions::before(server.url())).await.unwrap();
        let bucket = Bucket::connect(&server.config(&proxy.url(), "films", "")).unwrap();
        (server, proxy, bucket)
    }

    fn input() -> StepInput {
        serde_json::from_value(serde_json::json!({
            "version": 1, "step": "write-script", "attempt": 1, "input": "0123456789abcdef0123456789abcdef",
            "job": {"namespace": "films", "name": "ocean", "uid": "u", "id": "3f9c2a1e", "run": 1},
            "settings": {}, "deadlineSeconds": 60, "bucket": {},
        }))
        .unwrap()
    }

    /// The chunks in the bucket, in order.
    async fn chunks(bucket: &Bucket) -> Vec<String> {
        let prefix = input().job.keys().logs(StepName::WriteScript, 1);
        let mut keys: Vec<String> =
            bucket.list(&prefix).map_ok(|chunk| chunk.key).try_collect().await.unwrap();
        keys.sort();
        let mut chunks = Vec::new();
        for key in keys {
            chunks.push(String::from_utf8(bucket.get(&key, 1 << 20).await.unwrap().to_vec()).unwrap());
        }
        chunks
    }

    #[tokio::test]
    async fn a_line_that_comes_while_a_chunk_is_on_its_way_at_the_end_is_kept_too() {
        let (_server, proxy, bucket) = bucket().await;
        proxy.set_faults(vec![Fault::always(Effect::Latency { ms: 1000 }).on("PutObject").times(1)]).unwrap();
        let (log, done) = (Log::default(), CancellationToken::new());
        log.lock().add(b"1\n");
        log.0.enough.notify_one();
        let keeper = tokio::spawn(log.clone().keep(bucket.clone(), input(), done.clone()));
        while !log.lock().bytes.is_empty() {
            tokio::task::yield_now().await;
        }
        log.lock().add(b"2\n");
        done.cancel();
        keeper.await.unwrap();
        assert_eq!(chunks(&bucket).await, ["1\n", "2\n"]);
    }

    #[tokio::test]
    async fn a_number_that_is_taken_costs_no_line_and_repeats_none() {
        let (_server, _proxy, bucket) = bucket().await;
        let put = async |chunk: u32, text: &'static str| {
            let key = input().job.keys().log_chunk(StepName::WriteScript, 1, chunk);
            bucket.put_once(&key, text, &PutOptions::default()).await.unwrap();
        };
        // The answer to the first try was lost before the second line came; the next number is somebody else's.
        put(0, "1\n").await;
        put(1, "not ours\n").await;
        let log = Log::default();
        log.lock().add(b"1\n2\n");
        assert_eq!(log.write_chunk(&bucket, &input(), 0).await, 3);
        assert_eq!(chunks(&bucket).await, ["1\n", "not ours\n", "2\n"]);
        log.lock().add(b"2\n");
        assert_eq!(log.write_chunk(&bucket, &input(), 2).await, 3, "a whole chunk was written twice");
        assert_eq!(chunks(&bucket).await.len(), 3);
    }

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
        let line = vec![b'x'; MAX_WAITING_BYTES / 2];
        for _ in 0..5 {
            waiting.add(&line);
        }
        let taken = String::from_utf8(waiting.take()).unwrap();
        assert!(taken.len() < MAX_WAITING_BYTES + 200);
        assert!(
            taken.contains("lines are missing here") && taken.contains("\"lines\":3"),
            "no line reports the loss"
        );
        assert!(waiting.take().is_empty());
    }
}
