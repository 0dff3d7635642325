//! The program as a shell runs it, without a cluster.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const VERBS: [&str; 24] = [
    "create",
    "list",
    "status",
    "logs",
    "artifacts",
    "download",
    "retry",
    "restart",
    "suspend",
    "resume",
    "approve",
    "reject",
    "stop-all",
    "accounts",
    "storage",
    "cleanup",
    "backup",
    "restore",
    "proxy",
    "dashboard",
    "doctor",
    "report",
    "install",
    "completion",
];

fn plugin(words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-videofactory"));
    command.args(words).env("KUBECONFIG", "/nowhere/at/all").env_remove("KUBERNETES_SERVICE_HOST");
    command.output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn help_names_every_verb_and_exit_code() {
    let help = plugin(&["--help"]);
    assert_eq!((help.status.code(), err(&help).as_str()), (Some(0), ""));
    let text = out(&help);
    assert!(text.contains("Usage:\n  kubectl videofactory"), "{text}");
    for verb in VERBS {
        assert!(text.contains(&format!("  {verb}")), "{verb} is missing: {text}");
    }
    for code in ["0    done", "3    not all is well", "130  interrupted", "141  nobody reads"] {
        assert!(text.contains(code), "{code} is missing: {text}");
    }
    assert!(!text.contains("__complete"), "what is hidden is not shown");
}

#[test]
fn each_verb_has_help_of_its_own_and_a_place_in_the_docs() {
    let docs = std::fs::read_to_string(repository().join("docs/plugin.md")).unwrap();
    for verb in VERBS {
        let help = plugin(&[verb, "--help"]);
        let text = out(&help);
        assert_eq!(help.status.code(), Some(0), "{verb}: {}", err(&help));
        assert!(text.contains(&format!("Usage:\n  kubectl videofactory {verb}")), "{text}");
        assert!(text.contains("--kubeconfig"), "{text}");
        assert!(
            docs.contains(&format!("`{verb}")) || docs.contains(&format!("videofactory {verb}")),
            "{verb}"
        );
    }
}

#[test]
fn without_a_kubeconfig_the_error_says_what_to_do() {
    let list = plugin(&["list"]);
    assert_eq!((list.status.code(), out(&list).as_str()), (Some(1), ""));
    assert!(err(&list).starts_with("error: the kubeconfig cannot be used"), "{}", err(&list));
    assert!(err(&list).contains("--kubeconfig"), "{}", err(&list));
}

#[test]
fn a_line_that_cannot_be_understood_ends_with_2() {
    for words in [&["lost"] as &[&str], &["list", "--phase", "Done"], &["status"], &[]] {
        let ended = plugin(words);
        assert_eq!((ended.status.code(), out(&ended).as_str()), (Some(2), ""), "{words:?}");
    }
}

#[test]
fn a_program_whose_output_nobody_reads_does_not_end_well() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-videofactory"));
    // More than a pipe holds, so that it cannot have ended before this end is closed.
    command.args(["install", "generate"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let ended = child.wait_with_output().unwrap();
    assert_eq!((ended.status.code(), err(&ended).as_str()), (Some(141), ""));
}

#[test]
fn manifests_and_completion_need_no_cluster() {
    let manifests = plugin(&["install", "generate"]);
    assert_eq!(manifests.status.code(), Some(0), "{}", err(&manifests));
    assert!(out(&manifests).contains("kind: CustomResourceDefinition"));
    let completed = plugin(&["__complete", "re"]);
    assert!(out(&completed).contains("retry\t") && out(&completed).ends_with(":4\n"), "{}", out(&completed));
    // No cluster, no names, and no message in the middle of somebody's line.
    let names = plugin(&["__complete", "status", ""]);
    assert_eq!((out(&names).lines().last(), err(&names).as_str()), (Some(":4"), ""));
}

#[test]
fn the_script_for_kubectl_asks_the_plugin() {
    let script = repository().join("cli/kubectl_complete-videofactory");
    let bin = Path::new(env!("CARGO_BIN_EXE_kubectl-videofactory")).parent().unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let asked = Command::new(script).args(["stop"]).env("PATH", path).output().unwrap();
    assert!(out(&asked).starts_with("stop-all\t"), "{} {}", out(&asked), err(&asked));
}

#[test]
fn the_krew_manifest_is_filled_in_with_the_archives_checksums() {
    let folder = tempfile::tempdir().unwrap();
    let render = |version: &str| {
        let script = repository().join("cli/krew/render");
        Command::new(script)
            .args([version, "https://example.org/factory"])
            .arg(folder.path())
            .output()
            .unwrap()
    };
    let missing = render("v1.2.3");
    assert!(!missing.status.success() && err(&missing).contains("is not there"), "{}", err(&missing));
    for platform in ["linux-amd64", "linux-arm64", "darwin-arm64", "darwin-amd64"] {
        for file in ["kubectl-videofactory", "LICENSE"] {
            std::fs::write(folder.path().join(file), platform).unwrap();
        }
        let archive = folder.path().join(format!("kubectl-videofactory-{platform}.tar.gz"));
        let packed = Command::new("tar")
            .args(["--create", "--gzip", "--file"])
            .arg(&archive)
            .arg("--directory")
            .arg(folder.path())
            .args(["kubectl-videofactory", "LICENSE"])
            .status()
            .unwrap();
        assert!(packed.success());
    }
    assert!(!render("1.2.3").status.success(), "a version begins with v");
    let filled = render("v1.2.3");
    assert!(filled.status.success(), "{}", err(&filled));
    let manifest: serde_json::Value = serde_yaml_ng::from_str(&out(&filled)).unwrap();
    assert_eq!(manifest["spec"]["version"], "v1.2.3");
    let platforms = manifest["spec"]["platforms"].as_array().unwrap();
    assert_eq!(platforms.len(), 4);
    for platform in platforms {
        let uri = platform["uri"].as_str().unwrap();
        let archive = uri.strip_prefix("https://example.org/factory/releases/download/v1.2.3/").unwrap();
        let sum = Command::new("sha256sum").arg(folder.path().join(archive)).output().unwrap();
        assert!(out(&sum).starts_with(platform["sha256"].as_str().unwrap()), "{platform}");
    }
}

#[test]
fn the_plugin_is_installed_from_its_archive_as_krew_does_it_and_not_from_another() {
    let folder = tempfile::tempdir().unwrap();
    let run = |script: &str, words: &[&str]| {
        let mut command = Command::new(repository().join(script));
        command.args(words).env("PLUGIN", env!("CARGO_BIN_EXE_kubectl-videofactory"));
        command.env_remove("VIDEOFACTORY_REGISTRY").output().unwrap()
    };
    let directory = folder.path().to_str().unwrap();
    let packed = run("scripts/krew", &["archive", directory]);
    assert!(packed.status.success(), "{}", err(&packed));
    let version = concat!("v", env!("CARGO_PKG_VERSION"));
    assert_eq!(out(&run("scripts/krew", &["version"])).trim(), version);
    let filled = run("cli/krew/render", &["--present", version, "https://example.org/factory", directory]);
    assert!(filled.status.success(), "{}", err(&filled));
    let manifest: serde_json::Value = serde_yaml_ng::from_str(&out(&filled)).unwrap();
    assert_eq!(manifest["spec"]["platforms"].as_array().unwrap().len(), 1, "{manifest}");
    let path = folder.path().join("videofactory.yaml");
    std::fs::write(&path, out(&filled)).unwrap();
    let install = || run("scripts/krew", &["try", path.to_str().unwrap(), directory]);
    let installed = install();
    assert!(installed.status.success(), "{}", err(&installed));
    assert!(out(&installed).contains(&format!("{version} is installed from")), "{}", out(&installed));
    let mut archive = std::fs::OpenOptions::new().append(true).open(out(&packed).trim()).unwrap();
    std::io::Write::write_all(&mut archive, b"more").unwrap();
    let refused = install();
    assert!(!refused.status.success() && err(&refused).contains("another checksum"), "{}", err(&refused));
}
