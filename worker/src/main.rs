//! The program in a step's pod.

use std::process::ExitCode;

fn main() -> ExitCode {
    if let Some(code) = videofactory_worker::confine::become_program(std::env::args_os().skip(1)) {
        return code;
    }
    // A step that never yields must leave a thread for signals and deadlines, and must not keep the process.
    let threads = std::thread::available_parallelism().map_or(2, usize::from).max(2);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build();
    let code = match runtime {
        Ok(runtime) => {
            let code = runtime.block_on(videofactory_worker::run::run());
            runtime.shutdown_background();
            code
        }
        Err(error) => {
            eprintln!("failed to start: {error}; the pod needs permission to start threads");
            videofactory_pipeline::ExitCode::Bug.code()
        }
    };
    // Codes are at most 79.
    ExitCode::from(u8::try_from(code).unwrap_or(70))
}
