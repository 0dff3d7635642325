//! How keys are known that somebody has written into a text.

/// What keys and tokens of services begin with: by this one is known in a text that people are shown. Whoever adds a service
/// adds its own.
pub const KEY_PREFIXES: [&str; 11] =
    ["xai-", "hf_", "AIza", "ya29.", "1//", "GOCSPX-", "r8_", "sk-", "pk-", "rk-", "eyJ"];
