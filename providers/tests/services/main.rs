//! The services over real sockets, against servers on this machine that speak their
//! protocols as far as each test needs.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail as tests do")]

mod comfyui;
mod gemini;
mod huggingface;
mod openai_compatible;
mod support;
mod webhook;
mod xai;
mod youtube;
