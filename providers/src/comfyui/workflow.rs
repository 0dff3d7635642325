//! Workflows as people export them for the API, and where in them our inputs go. A workflow `NAME` is the file `NAME.json`,
//! as it was exported, and `NAME.bindings.json`, which names the inputs as `node.input`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::configuration;
use crate::capability::Model;
use crate::error::ProviderError;
use crate::http::shown;

/// The longest clip in seconds, unless the bindings say otherwise: what most models of November 2026 can.
pub(super) const MAX_SECONDS: u32 = 5;
/// Ends of the files' names.
const WORKFLOW: &str = ".json";
const BINDINGS: &str = ".bindings.json";
/// Frames a second, and the frames that belong together, of most models that animate.
const FPS: u32 = 16;
const FRAME_STEP: u32 = 4;
/// Sides of clips are multiples of this; and they have no more pixels, unless the bindings say otherwise.
const SIDE_STEP: u32 = 16;
const CLIP_PIXELS: u32 = 832 * 480;
/// Seeds are smaller than this in every node.
const SEEDS: u64 = 1 << 32;

/// The workflows of an account, by their names.
#[derive(Debug, Clone, Default)]
pub(super) struct Workflows(BTreeMap<String, Files>);

#[derive(Debug, Clone, Default)]
struct Files {
    workflow: String,
    bindings: String,
}

/// What goes into a workflow.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Input {
    pub prompt: String,
    pub seed: u64,
    /// Pixels across and down.
    pub size: Option<(u32, u32)>,
    /// The name of an uploaded picture.
    pub image: Option<String>,
    /// Of a clip.
    pub seconds: Option<u32>,
}

/// A workflow and where the inputs go.
#[derive(Debug, PartialEq)]
pub(super) struct Workflow {
    name: String,
    nodes: Value,
    bindings: Bindings,
}

/// Places of the inputs: `node.input`, one or several.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Bindings {
    prompt: Places,
    #[serde(default)]
    seed: Places,
    /// Nodes with the inputs `width` and `height`.
    #[serde(default)]
    size: Places,
    #[serde(default)]
    image: Places,
    #[serde(default)]
    frames: Places,
    /// Frames a second of what it makes.
    fps: Option<u32>,
    /// Clips have a multiple of this, and one more, frames.
    frame_step: Option<u32>,
    /// The longest clip in seconds.
    longest: Option<u32>,
    /// Most pixels of a clip.
    pixels: Option<u32>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(untagged)]
enum Places {
    #[default]
    Nowhere,
    One(String),
    Several(Vec<String>),
}

impl Places {
    fn all(&self) -> &[String] {
        match self {
            Self::Nowhere => &[],
            Self::One(place) => std::slice::from_ref(place),
            Self::Several(places) => places,
        }
    }
}

impl Workflows {
    /// Sorts the files of a `ConfigMap`.
    pub fn new(files: &BTreeMap<String, String>) -> Self {
        let mut found: BTreeMap<String, Files> = BTreeMap::new();
        for (file, text) in files {
            if let Some(name) = file.strip_suffix(BINDINGS) {
                found.entry(name.to_owned()).or_default().bindings.clone_from(text);
            } else if let Some(name) = file.strip_suffix(WORKFLOW) {
                found.entry(name.to_owned()).or_default().workflow.clone_from(text);
            }
        }
        Self(found)
    }

    /// The workflow that a model's name names; without one the only one.
    pub fn named(&self, name: &str) -> Result<Workflow, ProviderError> {
        let found = match (name.trim(), self.0.len()) {
            ("", 1) => self.0.first_key_value(),
            (name, _) => self.0.get_key_value(name),
        };
        let Some((name, files)) = found else {
            let all = self.0.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            let there = if all.is_empty() { "there is none".to_owned() } else { format!("there are {all}") };
            return Err(configuration(format!(
                "the ConfigMap of the account's workflowsRef has no workflow {:?} ({there}); name one as model, or put it \
                 there as NAME.json and NAME.bindings.json",
                shown(name)
            )));
        };
        Workflow::read(name, files)
    }
}

impl Workflow {
    fn read(name: &str, files: &Files) -> Result<Self, ProviderError> {
        let wrong = |what: String| configuration(format!("the workflow {name:?} cannot be used: {what}"));
        if files.workflow.is_empty() || files.bindings.is_empty() {
            let missing = if files.workflow.is_empty() { WORKFLOW } else { BINDINGS };
            return Err(wrong(format!("its ConfigMap has no {name}{missing}; add it")));
        }
        let nodes: Value = serde_json::from_str(&files.workflow)
            .map_err(|error| wrong(format!("{name}{WORKFLOW} is no JSON ({error})")))?;
        if nodes["nodes"].is_array() {
            return Err(wrong(format!("{name}{WORKFLOW} is in the editor's format; export it for the API")));
        }
        let bindings = serde_json::from_str(&files.bindings).map_err(|error| {
            wrong(format!("{name}{BINDINGS} does not read ({})", shown(&error.to_string())))
        })?;
        let workflow = Self { name: name.to_owned(), nodes, bindings };
        workflow.check()?;
        Ok(workflow)
    }

    /// Whether it begins with a picture.
    pub fn takes_picture(&self) -> bool {
        !self.bindings.image.all().is_empty()
    }

    /// The longest clip, in seconds.
    pub fn longest(&self) -> u32 {
        self.bindings.longest.unwrap_or(MAX_SECONDS).max(1)
    }

    /// The size of a clip for a frame of this size: of its shape, with as many pixels as the model can.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "sizes of clips are small")]
    pub fn clip_size(&self, width: u32, height: u32) -> (u32, u32) {
        let (width, height) = (f64::from(width.max(1)), f64::from(height.max(1)));
        let most = f64::from(self.bindings.pixels.unwrap_or(CLIP_PIXELS));
        let scale = (most / (width * height)).sqrt().min(1.0);
        let side = |length: f64| ((length * scale).round() as u32 / SIDE_STEP * SIDE_STEP).max(SIDE_STEP);
        (side(width), side(height))
    }

    /// The nodes with these inputs, and with the person's own parameters, each called `node.input`.
    pub fn filled(&self, input: &Input, model: &Model) -> Result<Value, ProviderError> {
        let mut nodes = self.nodes.clone();
        let mut put = |place: &str, value: Value| {
            let (node, name) = place.split_once('.').unwrap_or((place, ""));
            nodes[node]["inputs"][name] = value;
        };
        let bindings = &self.bindings;
        for place in bindings.prompt.all() {
            put(place, input.prompt.clone().into());
        }
        for place in bindings.seed.all() {
            put(place, (input.seed % SEEDS).into());
        }
        for node in bindings.size.all() {
            if let Some((width, height)) = input.size {
                put(&format!("{node}.width"), width.into());
                put(&format!("{node}.height"), height.into());
            }
        }
        for place in bindings.image.all() {
            if let Some(image) = &input.image {
                put(place, image.clone().into());
            }
        }
        for place in bindings.frames.all() {
            if let Some(seconds) = input.seconds {
                put(place, self.frames(seconds).into());
            }
        }
        for (place, value) in &model.parameters {
            self.require(place)?;
            put(place, value.clone());
        }
        Ok(nodes)
    }

    /// Frames of a clip that lasts at least so long.
    fn frames(&self, seconds: u32) -> u32 {
        let step = self.bindings.frame_step.unwrap_or(FRAME_STEP).max(1);
        let frames = seconds.saturating_mul(self.bindings.fps.unwrap_or(FPS).max(1));
        frames.div_ceil(step).saturating_mul(step).saturating_add(1)
    }

    /// Whether each place is there.
    fn check(&self) -> Result<(), ProviderError> {
        let bindings = &self.bindings;
        if bindings.prompt.all().is_empty() {
            return Err(self.wrong("its bindings name no place for prompt"));
        }
        let named = [&bindings.prompt, &bindings.seed, &bindings.image, &bindings.frames];
        for place in named.into_iter().flat_map(Places::all) {
            self.require(place)?;
        }
        for node in bindings.size.all() {
            self.require(&format!("{node}.width"))?;
            self.require(&format!("{node}.height"))?;
        }
        Ok(())
    }

    /// Refuses a place that is not there, or that another node fills.
    fn require(&self, place: &str) -> Result<(), ProviderError> {
        let (node, name) = place.split_once('.').unwrap_or((place, ""));
        let Some(inputs) = self.nodes.get(node).and_then(|node| node["inputs"].as_object()) else {
            return Err(self.wrong(&format!("{:?} names a node that it does not have", shown(place))));
        };
        match inputs.get(name) {
            None => {
                let there = inputs.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
                Err(self.wrong(&format!(
                    "{:?} is no input of that node, which has {}",
                    shown(place),
                    shown(&there)
                )))
            }
            Some(Value::Array(_)) => {
                Err(self
                    .wrong(&format!("{:?} comes from another node; name an input of that one", shown(place))))
            }
            Some(_) => Ok(()),
        }
    }

    fn wrong(&self, what: &str) -> ProviderError {
        configuration(format!("the workflow {:?} cannot be used: {what}", self.name))
    }
}
