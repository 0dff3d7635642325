//! The program in a step's pod.

#[tokio::main]
async fn main() -> std::process::ExitCode {
    // Codes are at most 79.
    std::process::ExitCode::from(u8::try_from(videofactory_worker::run::run().await).unwrap_or(70))
}
