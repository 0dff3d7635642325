//! Programs that decode files from outside cannot read the pod's keys, nor reach anything.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Output;

use serde_json::json;
use tokio::process::Command;
use videofactory_crds::StepName;
use videofactory_storage::PutOptions;
use videofactory_worker::confine::{NO_LANDLOCK, NO_TCP_RULES, shortcoming};

use super::support::{Production, Studio, command, pod_files};

/// A shell's script, started as ffmpeg is.
async fn confined(work: &Path, script: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_videofactory-worker"));
    command.args([Path::new("confined"), work]).args(["bash", "-c", script]).output().await.unwrap()
}

/// Whether this machine's kernel keeps programs from files, and from connecting. On an older one the tests below hold
/// only that it is reported.
fn kept() -> (bool, bool) {
    let reported = shortcoming();
    if let Some(reported) = reported {
        eprintln!("left out in part: {reported}");
    }
    (
        reported != Some(NO_LANDLOCK),
        reported.is_none_or(|reported| reported != NO_LANDLOCK && reported != NO_TCP_RULES),
    )
}

#[tokio::test]
async fn a_confined_program_has_its_folder_and_the_system_and_nothing_else() {
    let root = pod_files(&serde_json::from_value(json!({})).unwrap(), "the-key", "the-secret");
    let work = root.path().join("work");
    let (work, secrets) = (work.as_path(), root.path().join("var/run/videofactory"));
    std::fs::write(work.join("in"), "a clip").unwrap();
    let script = format!("cat {0}/in > {0}/out && cat {0}/out && ls /usr >/dev/null", work.display());
    let good = confined(work, &script).await;
    assert_eq!((good.status.code(), good.stdout.as_slice()), (Some(0), b"a clip".as_slice()), "{good:?}");

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (from_files, from_connecting) = kept();
    for (script, is_kept) in [
        (format!("cat {}/bucket/secretAccessKey", secrets.display()), from_files),
        (format!("ls {}", secrets.display()), from_files),
        (
            format!("ln -s {0}/token/token {1}/link && cat {1}/link", secrets.display(), work.display()),
            from_files,
        ),
        (format!("echo x > {}/x", root.path().display()), from_files),
        (format!("cat /proc/{}/environ", std::process::id()), from_files),
        ("cat /etc/passwd".to_owned(), from_files),
        (format!("exec 3<>/dev/tcp/127.0.0.1/{port}"), from_connecting),
    ] {
        let ended = confined(work, &script).await;
        assert_eq!(ended.status.success(), !is_kept, "{script}: {ended:?}");
        if is_kept {
            assert!(ended.stdout.is_empty(), "{script}: {ended:?}");
            assert!(String::from_utf8_lossy(&ended.stderr).contains("denied"), "{script}: {ended:?}");
        }
    }
}

#[tokio::test]
async fn what_a_step_decodes_with_cannot_read_its_keys_nor_its_environment() {
    let studio = Studio::open().await;
    let mut film = Production::new(&studio);
    studio
        .bucket
        .put("assets/me.wav", &b"RIFF\0\0\0\0WAVE"[..], &PutOptions::of_type("audio/wav"))
        .await
        .unwrap();
    film.given.overrides =
        serde_json::from_value(json!([{"id": "s1", "assets": {"voice": "assets/me.wav"}}])).unwrap();
    film.make(StepName::WriteScript).await;

    let (access, secret) = studio.server.keys();
    let root = pod_files(&film.given, access, secret);
    // In place of ffmpeg: what it says last is what the step reports.
    let own = root.path().join("work/bin");
    std::fs::create_dir(&own).unwrap();
    let key = root.path().join("var/run/videofactory/bucket/secretAccessKey");
    let script = format!(
        "#!/bin/sh\necho \"key: $(cat {} 2>&1), step: <$VIDEOFACTORY_STEP>\" >&2\nexit 1\n",
        key.display()
    );
    std::fs::write(own.join("ffmpeg"), script).unwrap();
    std::fs::set_permissions(own.join("ffmpeg"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", own.display(), std::env::var("PATH").unwrap());
    film.attempt += 1;
    let input = serde_json::to_string(&film.input(StepName::NarrateScenes)).unwrap();
    let output =
        command(root.path()).env("PATH", path).env("VIDEOFACTORY_STEP", input).output().await.unwrap();
    let log = String::from_utf8_lossy(&output.stdout);
    assert!(log.contains("step: <>"), "{log}");
    if kept().0 {
        assert!(log.contains("Permission denied, step: <>") && !log.contains(secret), "{log}");
    }
}
