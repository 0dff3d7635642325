//! `generateContent`: scripts by a schema, pictures, speech.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::super::accounts::Work;
use super::super::answer::Answer;
use super::super::call::{Ask, Call, Product};
use super::super::faults::Effect;
use super::super::media;
use super::super::protocol::Misread;
use super::super::schema;
use super::super::service::Operation;
use super::known;

/// What the service takes; anything else is refused, as it does. Each name may also be written with underscores.
const REQUEST: [&str; 11] = [
    "contents",
    "systemInstruction",
    "generationConfig",
    "safetySettings",
    "tools",
    "toolConfig",
    "cachedContent",
    "labels",
    "serviceTier",
    "store",
    "model",
];
const CONFIG: [&str; 23] = [
    "temperature",
    "topP",
    "topK",
    "candidateCount",
    "maxOutputTokens",
    "stopSequences",
    "responseMimeType",
    "responseSchema",
    "responseJsonSchema",
    "responseModalities",
    "responseLogprobs",
    "logprobs",
    "presencePenalty",
    "frequencyPenalty",
    "seed",
    "speechConfig",
    "imageConfig",
    "thinkingConfig",
    "mediaResolution",
    "enableEnhancedCivicAnswers",
    "audioTranscriptionConfig",
    "continuationToken",
    "responseFormat",
];
const RATIOS: [&str; 10] = ["1:1", "2:3", "3:2", "3:4", "4:3", "4:5", "5:4", "9:16", "16:9", "21:9"];
const VOICES: [&str; 30] = [
    "Zephyr",
    "Puck",
    "Charon",
    "Kore",
    "Fenrir",
    "Leda",
    "Orus",
    "Aoede",
    "Callirrhoe",
    "Autonoe",
    "Enceladus",
    "Iapetus",
    "Umbriel",
    "Algieba",
    "Despina",
    "Erinome",
    "Algenib",
    "Rasalgethi",
    "Laomedeia",
    "Achernar",
    "Alnilam",
    "Schedar",
    "Gacrux",
    "Pulcherrima",
    "Achird",
    "Zubenelgenubi",
    "Vindemiatrix",
    "Sadachbia",
    "Sadaltager",
    "Sulafat",
];

/// What a request is for, by what it wants back.
pub(super) fn operation(call: &Call) -> Operation {
    let body = call.json().unwrap_or_default();
    let wanted = field(field(&body, "generationConfig"), "responseModalities");
    let wants = |kind: &str| wanted.as_array().is_some_and(|all| all.iter().any(|one| one == kind));
    match (wants("AUDIO"), wants("IMAGE")) {
        (true, _) => Operation::Speech,
        (_, true) => Operation::Image,
        _ => Operation::Script,
    }
}

pub(super) fn read(call: &Call, ask: Ask) -> Result<Ask, Misread> {
    known(&ask, &["gemini-"], "generateContent")?;
    let Some(body) = call.json() else { return Err(Misread::invalid(ask, "Invalid JSON payload received.")) };
    let config = field(&body, "generationConfig");
    let unknown = unknown_in(&body, &REQUEST)
        .map(|name| (name, ""))
        .or_else(|| unknown_in(config, &CONFIG).map(|name| (name, " at 'generation_config'")));
    if let Some((name, place)) = unknown {
        let what =
            format!("Invalid JSON payload received. Unknown name \"{name}\"{place}: Cannot find field.");
        return Err(Misread::invalid(ask, what));
    }
    let (prompt, pictures) = match said(&body) {
        Ok(said) => said,
        Err(what) => return Err(Misread::invalid(ask, what)),
    };
    let ask = ask.about(&prompt, pictures.iter().map(Vec::as_slice));
    if ask.prompt.is_empty() {
        return Err(Misread::invalid(ask, "* GenerateContentRequest.contents: contents is not specified"));
    }
    let speaks = ask.model.contains("-tts");
    match ask.operation {
        Operation::Speech => read_speech(config, ask),
        _ if speaks => Err(Misread::invalid(
            ask,
            "The requested combination of response modalities (TEXT) is not supported.",
        )),
        Operation::Image => read_image(config, ask),
        _ => Ok(ask),
    }
}

fn read_speech(config: &Value, ask: Ask) -> Result<Ask, Misread> {
    if !ask.model.contains("-tts") {
        let what = "The requested combination of response modalities (AUDIO) is not supported by the model.";
        return Err(Misread::invalid(ask, what));
    }
    let voice =
        field(field(field(field(config, "speechConfig"), "voiceConfig"), "prebuiltVoiceConfig"), "voiceName");
    if let Some(voice) =
        voice.as_str().filter(|voice| !VOICES.iter().any(|known| known.eq_ignore_ascii_case(voice)))
    {
        let what =
            format!("Voice name {voice} is not supported. Allowed voice names are: {}", VOICES.join(", "));
        return Err(Misread::invalid(ask, what.to_lowercase()));
    }
    Ok(ask.making(Product::Speech))
}

fn read_image(config: &Value, ask: Ask) -> Result<Ask, Misread> {
    if !ask.model.contains("-image") {
        let what = "The requested combination of response modalities (IMAGE) is not supported by the model.";
        return Err(Misread::invalid(ask, what));
    }
    let config = field(config, "imageConfig");
    let ratio = field(config, "aspectRatio").as_str().unwrap_or("1:1");
    if !RATIOS.contains(&ratio) {
        return Err(Misread::invalid(ask, format!("aspect_ratio must be one of {}.", RATIOS.join(", "))));
    }
    let side = match field(config, "imageSize").as_str().unwrap_or("1K") {
        "1K" => 1024,
        "2K" => 2048,
        "4K" => 4096,
        other => return Err(Misread::invalid(ask, format!("image_size {other} is not one of 1K, 2K, 4K."))),
    };
    let (width, height) = media::frame(ratio, side);
    Ok(ask.making(Product::Picture { width, height }))
}

/// All that is said in a request, its instruction first, and the pictures that came along.
fn said(body: &Value) -> Result<(String, Vec<Vec<u8>>), String> {
    let instruction = std::iter::once(field(body, "systemInstruction"));
    let contents = field(body, "contents");
    let contents: Vec<&Value> =
        contents.as_array().map_or_else(|| vec![contents], |all| all.iter().collect());
    let (mut texts, mut pictures) = (Vec::new(), Vec::new());
    let parts = instruction.chain(contents).filter_map(|content| content["parts"].as_array()).flatten();
    for part in parts {
        let data = field(part, "inlineData");
        if let Some(text) = part["text"].as_str() {
            texts.push(text);
        } else if let Some(data) = data["data"].as_str() {
            // Clients encode in either alphabet.
            let data = data.replace('-', "+").replace('_', "/");
            pictures.push(
                STANDARD.decode(data).map_err(|_| "Base64 decoding failed for inline_data.".to_owned())?,
            );
        }
    }
    Ok((texts.join("\n"), pictures))
}

pub(super) fn write(call: &Call, work: &Work, fault: Option<&Effect>) -> Answer {
    let (mut parts, mut reason) = (json!([{"text": text_for(call, work, fault)}]), "STOP");
    match work.ask.operation {
        Operation::Speech => parts = json!([speech(work)]),
        Operation::Image => parts = json!([inline("image/png", &media::of(work).1)]),
        _ => {}
    }
    match fault {
        Some(Effect::FinishReason { reason: given }) => {
            reason = given;
            if given != "MAX_TOKENS" || work.ask.operation != Operation::Script {
                parts = json!([]);
            }
        }
        Some(Effect::NoOutput) if work.ask.operation == Operation::Image => {
            (parts, reason) = (json!([]), "NO_IMAGE");
        }
        Some(Effect::NoOutput) => (parts, reason) = (json!([]), "OTHER"),
        _ => {}
    }
    let empty = parts.as_array().is_some_and(Vec::is_empty);
    let content = if empty { json!({}) } else { json!({"parts": parts, "role": "model"}) };
    let answer = Answer::json(
        200,
        json!({
            "candidates": [{"content": content, "finishReason": reason, "index": 0}],
            "usageMetadata": {"promptTokenCount": 12, "candidatesTokenCount": 120, "totalTokenCount": 132},
            "modelVersion": work.ask.model, "responseId": work.id,
        }),
    );
    if empty { answer } else { answer.delivering(&work.id) }
}

fn text_for(call: &Call, work: &Work, fault: Option<&Effect>) -> String {
    let body = call.json().unwrap_or_default();
    let config = field(&body, "generationConfig");
    let wanted = match field(config, "responseJsonSchema") {
        Value::Null => field(config, "responseSchema"),
        wanted => wanted,
    };
    let text = match wanted {
        _ if field(config, "responseMimeType") != "application/json" => {
            "Water carries the light of the morning down to the sea.".to_owned()
        }
        Value::Null => "{}".to_owned(),
        wanted => schema::example(wanted, &work.ask.prompt).to_string(),
    };
    match fault {
        Some(Effect::Say { text }) => text.clone(),
        Some(Effect::FinishReason { reason }) if reason == "MAX_TOKENS" => {
            text.chars().take(text.chars().count() / 2).collect()
        }
        _ => text,
    }
}

fn speech(work: &Work) -> Value {
    let bytes: Vec<u8> = media::speech(&work.ask.prompt).into_iter().flat_map(i16::to_le_bytes).collect();
    inline(&format!("audio/L16;codec=pcm;rate={}", media::SAMPLE_RATE), &bytes)
}

fn inline(kind: &str, bytes: &[u8]) -> Value {
    json!({"inlineData": {"mimeType": kind, "data": STANDARD.encode(bytes)}})
}

/// A field by its name, or by the same name with underscores.
fn field<'a>(value: &'a Value, name: &str) -> &'a Value {
    const NOTHING: &Value = &Value::Null;
    let find = |name: &str| value.get(name).filter(|value| !value.is_null());
    find(name).or_else(|| find(&underscored(name))).unwrap_or(NOTHING)
}

/// The first field that is none of these.
fn unknown_in<'a>(value: &'a Value, known: &[&str]) -> Option<&'a String> {
    let fields: Option<&Map<String, Value>> = value.as_object();
    fields?.keys().find(|name| !known.iter().any(|known| known == name || underscored(known) == **name))
}

fn underscored(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            text.push('_');
        }
        text.push(letter.to_ascii_lowercase());
    }
    text
}
