//! Moving large files takes little memory. Alone in its process, since it measures the process.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::os::unix::fs::FileExt;

use videofactory_storage::{Bucket, PutOptions};
use videofactory_tests::r2_proxy::{ProxyOptions, R2Proxy};
use videofactory_tests::s3_server::S3Server;

const FILE_MIB: u64 = 300;
/// Three parts of 8 MiB, their copies on the way out and through the proxy, and slack; a third of the file.
const ALLOWED_MIB: u64 = 100;

/// The most memory this process has ever held, in MiB.
fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

#[tokio::test(flavor = "multi_thread")]
async fn a_film_of_300_mib_goes_up_and_down_in_a_third_of_its_size() {
    let server = S3Server::start().await.unwrap();
    server.create_bucket("films").unwrap();
    let proxy = R2Proxy::start(ProxyOptions::before(server.url())).await.unwrap();
    let bucket = Bucket::connect(&server.config(&proxy.url(), "films", "")).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let (film, back) = (directory.path().join("film"), directory.path().join("back"));
    let source = std::fs::File::create(&film).unwrap();
    for mib in 0..FILE_MIB {
        source.write_all_at(&mib.to_be_bytes(), mib * 1024 * 1024).unwrap();
    }
    source.set_len(FILE_MIB * 1024 * 1024 + 1).unwrap();

    let before = peak_mib();
    let stored = bucket.put_file("film", &film, &PutOptions::of_type("video/mp4")).await.unwrap();
    let info = bucket.get_to_file("film", &back).await.unwrap();
    let grown = peak_mib() - before;
    assert_eq!(info.sha256, Some(stored.sha256));
    assert_eq!(std::fs::metadata(&back).unwrap().len(), FILE_MIB * 1024 * 1024 + 1);
    println!("memory grew by {grown} MiB for a file of {FILE_MIB} MiB");
    assert!(grown < ALLOWED_MIB, "memory grew by {grown} MiB");
}
