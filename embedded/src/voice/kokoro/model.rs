//! The model: symbols and a style in, sound out, and how long each symbol lasts. It is loaded once a process. Its work
//! is done by one pool of threads, one for each core that the process may use, whatever the number of voices.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use rten::{Model as Graph, ModelOptions, NodeId, RunOptions, ThreadPool};
use rten_tensor::NdTensor;
use rten_tensor::prelude::*;
use tokio::sync::{OnceCell, Semaphore};
use videofactory_providers::error::ProviderError;

use super::voices::{STYLE, folder, model_file, style_file, vocabulary_file};
use crate::voice::engine::{configuration, unexpected};

/// Samples a second.
pub(super) const RATE: u32 = 24_000;
/// Samples of one frame, by which the model counts how long symbols last.
pub(super) const FRAME: usize = 600;
/// The most symbols that it takes at once.
const MAX_SYMBOLS: usize = 510;
/// Runs at a time: each of some 12 s of speech takes about 400 MiB.
const RUNS: usize = 2;
/// Where the graph has how many frames each symbol lasts.
const DURATIONS: &str = "/encoder/Clip_output_0";

static MODEL: OnceCell<Arc<Model>> = OnceCell::const_new();
static TURNS: Semaphore = Semaphore::const_new(RUNS);

/// The loaded model.
pub(super) struct Model {
    graph: Graph,
    inputs: [NodeId; 3],
    outputs: [NodeId; 2],
    vocabulary: HashMap<char, i32>,
    pool: Arc<ThreadPool>,
}

/// What a run brings.
pub(super) struct Spoken {
    /// Mono at [`RATE`], −1 to 1.
    pub(super) samples: Vec<f32>,
    /// How many samples each symbol lasts, with one of silence before all and one behind all.
    pub(super) durations: Vec<usize>,
}

/// The model, loaded by whoever asks first.
pub(super) async fn load() -> Result<Arc<Model>, ProviderError> {
    let read = || async {
        let folder = folder()
            .ok_or_else(|| configuration("the model of the voices is not installed here".to_owned()))?;
        let loading = tokio::task::spawn_blocking(|| Model::read(folder));
        loading.await.map_err(|error| unexpected(format!("loading the voices: {error}")))?.map(Arc::new)
    };
    MODEL.get_or_try_init(read).await.cloned()
}

/// A voice's styles, one after the other.
pub(super) async fn styles(voice: &str) -> Result<Vec<f32>, ProviderError> {
    let folder =
        folder().ok_or_else(|| configuration("the model of the voices is not installed here".to_owned()))?;
    let file = style_file(folder, voice);
    let bytes = tokio::fs::read(&file)
        .await
        .map_err(|error| unexpected(format!("reading the voice {}: {error}", file.display())))?;
    if bytes.is_empty() || !bytes.len().is_multiple_of(STYLE * 4) {
        return Err(unexpected(format!("{} is no voice: it has {} bytes", file.display(), bytes.len())));
    }
    Ok(bytes.as_chunks().0.iter().map(|number| f32::from_le_bytes(*number)).collect())
}

/// Speaks symbols, by their numbers, in the style for so many.
pub(super) async fn speak(
    model: &Arc<Model>,
    symbols: Vec<i32>,
    styles: &[f32],
    speed: f64,
) -> Result<Spoken, ProviderError> {
    let rows = styles.len() / STYLE;
    let row = symbols.len().min(rows.saturating_sub(1)) * STYLE;
    let style = styles[row..row + STYLE].to_vec();
    // Never closed: with a turn or without, it is spoken.
    let turn = TURNS.acquire().await;
    let model = Arc::clone(model);
    let work = tokio::task::spawn_blocking(move || model.run(&symbols, style, speed as f32));
    let spoken = work.await.map_err(|error| unexpected(format!("speaking broke off: {error}")))?;
    drop(turn);
    spoken
}

impl Model {
    fn read(folder: &Path) -> Result<Self, ProviderError> {
        let file = model_file(folder);
        let graph = ModelOptions::with_all_ops()
            .load_file(&file)
            .map_err(|error| unexpected(format!("loading {}: {error}", file.display())))?;
        let node = |name: &str| {
            graph
                .node_id(name)
                .map_err(|error| unexpected(format!("{} has no {name}: {error}", file.display())))
        };
        let inputs = [node("tokens")?, node("style")?, node("speed")?];
        let outputs = [node("audio")?, node(DURATIONS)?];
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let pool = Arc::new(ThreadPool::with_num_threads(cores));
        Ok(Self { graph, inputs, outputs, vocabulary: vocabulary(folder)?, pool })
    }

    /// A symbol's number, if the model knows it.
    pub(super) fn number(&self, symbol: char) -> Option<i32> {
        self.vocabulary.get(&symbol).copied()
    }

    fn run(&self, symbols: &[i32], style: Vec<f32>, speed: f32) -> Result<Spoken, ProviderError> {
        if symbols.len() > MAX_SYMBOLS {
            return Err(unexpected(format!("{} symbols in a row are too many to speak", symbols.len())));
        }
        let mut tokens = vec![0];
        tokens.extend(symbols);
        tokens.push(0);
        let count = tokens.len();
        let [first, second, third] = self.inputs;
        let inputs = vec![
            (first, NdTensor::from_data([1, count], tokens).into()),
            (second, NdTensor::from_data([1, STYLE], style).into()),
            (third, NdTensor::from_data([1], vec![speed]).into()),
        ];
        let options = RunOptions::default().with_thread_pool(Some(Arc::clone(&self.pool)));
        let failed = |error: &dyn std::fmt::Display| unexpected(format!("speaking {count} symbols: {error}"));
        let [sound, frames] =
            self.graph.run_n(inputs, self.outputs, Some(options)).map_err(|error| failed(&error))?;
        let sound: NdTensor<f32, 1> = sound.try_into().map_err(|error| failed(&error))?;
        let frames: NdTensor<f32, 2> = frames.try_into().map_err(|error| failed(&error))?;
        let samples = sound.to_vec();
        let durations = frames.iter().map(|frames| frames.max(0.0).round() as usize * FRAME).collect();
        Ok(Spoken { samples, durations })
    }
}

fn vocabulary(folder: &Path) -> Result<HashMap<char, i32>, ProviderError> {
    let file = vocabulary_file(folder);
    let unreadable =
        |error: &dyn std::fmt::Display| unexpected(format!("reading {}: {error}", file.display()));
    let text = std::fs::read_to_string(&file).map_err(|error| unreadable(&error))?;
    let whole: HashMap<String, HashMap<char, i32>> =
        serde_json::from_str(&text).map_err(|error| unreadable(&error))?;
    whole.into_values().next().ok_or_else(|| unreadable(&"it is empty"))
}
