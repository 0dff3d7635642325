//! Programs that decode files from outside are started through this one, which first gives up all that
//! they have no need of: by Landlock they read the system's programs, libraries and fonts, write to the
//! step's work folder, and open nothing else, no Secret, no token, no other process's memory; nor do they
//! connect to anything by TCP (by UDP a `NetworkPolicy` has to keep them). It needs no privilege, holds in a `restricted` pod, and cannot be taken back.
//!
//! Kernels before 5.13, or with Landlock switched off, do without, and those before 6.7 do not keep
//! programs from connecting; the step's log says which. What always holds: their environment is empty, and
//! they are given the format to read, so that no file makes them open another.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, ExitCode};

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetError, RulesetStatus, Scope, path_beneath_rules,
};

/// The first argument by which this program is only the launcher of another.
pub const CONFINED: &str = "confined";
/// What programs that decode read: themselves, libraries, fonts, and how many processors there are.
const READ: [&str; 9] = [
    "/usr",
    "/bin",
    "/lib",
    "/lib64",
    "/etc/ld.so.cache",
    "/etc/fonts",
    "/etc/alternatives",
    "/var/cache/fontconfig",
    "/sys/devices/system/cpu",
];
const DEVICES: [&str; 3] = ["/dev/null", "/dev/zero", "/dev/urandom"];
/// The newest that is known here; older kernels do what they can.
const KNOWN: ABI = ABI::V6;

/// The command line that starts a program with nothing but `work` to write to; for
/// [`videofactory_film::ffmpeg::launch_by`].
#[must_use]
pub fn launcher(work: &Path) -> Option<Vec<OsString>> {
    let own = std::env::current_exe().ok()?;
    Some(vec![own.into(), CONFINED.into(), work.into()])
}

/// Becomes the program that the arguments after [`CONFINED`] name, if they do: the work folder, the
/// program and its own arguments.
#[must_use]
pub fn become_program(mut args: impl Iterator<Item = OsString>) -> Option<ExitCode> {
    if args.next()? != CONFINED {
        return None;
    }
    let (Some(work), Some(program)) = (args.next(), args.next()) else {
        eprintln!("usage: {CONFINED} FOLDER PROGRAM [ARGUMENT...]");
        return Some(ExitCode::from(64));
    };
    if let Err(error) = enter(Path::new(&work)) {
        eprintln!("failed to confine {}: {error}", program.display());
        return Some(ExitCode::from(70));
    }
    let error = Command::new(&program).args(args).exec();
    eprintln!("failed to start {}: {error}", program.display());
    Some(ExitCode::from(127))
}

/// Gives up everything but what programs that decode need, for this process and all that it starts.
fn enter(work: &Path) -> Result<RulesetStatus, RulesetError> {
    let read = AccessFs::from_read(KNOWN);
    let device = AccessFs::ReadFile | AccessFs::WriteFile;
    let restricted = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(KNOWN))?
        .handle_access(AccessNet::from_all(KNOWN))?
        .scope(Scope::from_all(KNOWN))?
        .create()?
        .add_rules(path_beneath_rules(READ, read))?
        .add_rules(path_beneath_rules(DEVICES, device))?
        .add_rules(path_beneath_rules([work], AccessFs::from_all(KNOWN)))?
        .restrict_self()?;
    Ok(restricted.ruleset)
}

/// What is said of a kernel without Landlock: nothing is kept in.
pub const NO_LANDLOCK: &str =
    "this node's kernel has no Landlock: programs that decode can read what this pod can";
/// What is said of a kernel whose Landlock knows nothing of TCP.
pub const NO_TCP_RULES: &str = "this node's kernel is older than 6.7: programs that decode cannot read keys, but can \
     connect to where this pod can";

/// How far this kernel keeps programs in, in words for the log; nothing where it does all that is known.
#[must_use]
pub fn shortcoming() -> Option<&'static str> {
    // Each by itself: to ask for nothing of a kind, as the first level has nothing of TCP, is an error on any kernel.
    let strict = || Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    let is_there = |asked: Result<Ruleset, RulesetError>| asked.and_then(Ruleset::create).is_ok();
    if !is_there(strict().handle_access(AccessFs::from_all(ABI::V1))) {
        return Some(NO_LANDLOCK);
    }
    (!is_there(strict().handle_access(AccessNet::from_all(ABI::V4)))).then_some(NO_TCP_RULES)
}
