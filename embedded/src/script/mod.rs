//! The embedded writer: a film's words from templates and a bank of facts. The same request gives the same
//! script. It aims at the target length by the pace of speech in each language, scene by scene: what one
//! scene is too long or too short is made good by the next.

mod facts;
mod languages;
mod phrases;
mod prompts;
#[cfg(test)]
mod tests;
mod topic;

use videofactory_providers::capability::{Script, ScriptRequest, ScriptScene};
use videofactory_providers::error::ProviderError;
use videofactory_providers::language;
use videofactory_providers::speech_pace::{Pace, SCENE_PAUSE};

use self::facts::{BANKS, Fact};
use self::phrases::Phrases;
use self::topic::Topic;
use super::random::Random;
use super::subject::{self, Subject};
use crate::PROVIDER;

/// The most scenes of one video.
const MAX_SCENES: usize = 200;

/// What a scene does in the film.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Hook,
    /// The n-th thing that is told, from 1.
    Item(usize),
    /// A remark on what was told before.
    Remark,
    Twist,
    Close,
}

impl Role {
    /// Its share of the time: what is told gets more than the frame around it.
    fn weight(self) -> f64 {
        match self {
            Self::Hook | Self::Twist => 0.8,
            Self::Item(_) => 1.3,
            Self::Remark => 1.0,
            Self::Close => 0.7,
        }
    }

    /// Whether its own sentence must stand last in its scene.
    fn ends(self) -> bool {
        matches!(self, Self::Twist | Self::Close)
    }
}

/// Writes the script.
pub(super) fn write(request: &ScriptRequest) -> Result<Script, ProviderError> {
    let (phrases, pace) = phrases_for(&request.language)?;
    if request.topic.trim().is_empty() {
        return Err(configuration(
            "there is no topic to write about; set spec.topic or give the scenes".to_owned(),
        ));
    }
    if !(1..=MAX_SCENES).contains(&request.scene_count) {
        return Err(configuration(format!(
            "{} scenes were asked for; a video has 1 to {MAX_SCENES}",
            request.scene_count
        )));
    }
    let mut writer = Writer::new(request, phrases, pace);
    let scenes = writer.scenes();
    let seconds: f64 = scenes.iter().map(|scene| writer.cost(&scene.narration)).sum();
    if seconds > request.max.as_secs_f64() * 1.05 {
        return Err(configuration(format!(
            "{} scenes take about {seconds:.0} s even at a few words each, more than the longest length allowed, {} s; lower \
             spec.sceneCount or raise spec.length.max",
            request.scene_count,
            request.max.as_secs()
        )));
    }
    let topic = writer.topic;
    let mut tags = topic.tags;
    tags.push("shorts".to_owned());
    Ok(Script {
        description: phrases.description.replace("{topic}", &topic.title),
        title: topic.title,
        tags,
        scenes,
    })
}

/// Whether there are facts to tell about a topic. Without any, a script holds for every topic, and says nothing of it.
pub(super) fn knows(topic: &str, language: &str) -> bool {
    !facts_about(topic, language).is_empty()
}

fn facts_about(topic: &str, language: &str) -> &'static [Fact] {
    let lower = topic.to_lowercase();
    let bank = BANKS
        .iter()
        .find(|bank| is_english(language) && bank.words.iter().any(|word| subject::contains(&lower, word)));
    bank.map_or(&[][..], |bank| bank.facts)
}

fn is_english(language: &str) -> bool {
    language.to_ascii_lowercase().starts_with("en")
}

/// The languages that there are phrases in.
pub(super) fn languages() -> impl Iterator<Item = &'static str> {
    languages::LANGUAGES.iter().map(|(name, _)| *name)
}

fn phrases_for(language: &str) -> Result<(&'static Phrases, Pace), ProviderError> {
    let primary = language::primary(language);
    let phrases = languages::LANGUAGES.iter().find(|(name, _)| *name == primary).map(|(_, phrases)| *phrases);
    phrases.zip(Pace::of(language)).ok_or_else(|| {
        let known: Vec<&str> = self::languages().collect();
        configuration(format!(
            "no script can be written in the language \"{language}\", only in {}; give the scenes in spec.scenes, or name an \
             account that writes in spec.providers.script",
            known.join(", ")
        ))
    })
}

fn configuration(message: String) -> ProviderError {
    ProviderError::Configuration { provider: PROVIDER, message }
}

/// Items that are handed out in a mixed order: all of them before any comes again, and never one twice in a
/// row where there is another.
struct Deck<T> {
    items: Vec<T>,
    waiting: Vec<usize>,
    last: Option<usize>,
}

impl<T: Copy> Deck<T> {
    fn new(items: Vec<T>) -> Self {
        Self { items, waiting: Vec::new(), last: None }
    }

    /// The next item that `fits`; None if not one does.
    fn draw(&mut self, random: &mut Random, fits: impl Fn(T) -> bool) -> Option<T> {
        let order = random.order(self.items.len());
        let again: Vec<usize> = order.into_iter().filter(|index| !self.waiting.contains(index)).collect();
        let candidates: Vec<usize> =
            self.waiting.iter().chain(&again).copied().filter(|index| fits(self.items[*index])).collect();
        let fresh = candidates.iter().find(|index| Some(**index) != self.last);
        let index = *fresh.or(candidates.first())?;
        if !self.waiting.contains(&index) {
            self.waiting.extend(again);
        }
        self.waiting.retain(|waiting| *waiting != index);
        self.last = Some(index);
        Some(self.items[index])
    }
}

struct Writer<'a> {
    request: &'a ScriptRequest,
    phrases: &'static Phrases,
    pace: Pace,
    topic: Topic,
    subject: Subject,
    /// Whether items are numbered aloud.
    numbered: bool,
    random: Random,
    facts: Vec<&'static Fact>,
    items: Deck<&'static str>,
    leads: Deck<&'static str>,
    asides: Deck<&'static str>,
    crumbs: Deck<&'static str>,
}

impl<'a> Writer<'a> {
    fn new(request: &'a ScriptRequest, phrases: &'static Phrases, pace: Pace) -> Self {
        let topic = topic::read(&request.topic, is_english(&request.language));
        let mut random = Random::new(request.scene_count as u64, &[&request.topic, &request.language]);
        let facts = facts_about(&request.topic, &request.language);
        let facts: Vec<&'static Fact> =
            random.order(facts.len()).into_iter().map(|index| &facts[index]).collect();
        let fallback = [Subject::Flow, Subject::Meadow, Subject::Mountains, Subject::Sea];
        let subject = subject::of(&request.topic).unwrap_or_else(|| *random.pick(&fallback));
        let labelled = topic.promised.is_some() || random.below(3) == 0;
        Self {
            request,
            phrases,
            pace,
            // What says nothing of the topic is not counted as if it were the facts that were promised.
            numbered: labelled && !facts.is_empty(),
            topic,
            subject,
            facts,
            items: Deck::new(phrases.items.to_vec()),
            leads: Deck::new(phrases.leads.to_vec()),
            asides: Deck::new(phrases.asides.to_vec()),
            crumbs: Deck::new(phrases.crumbs.to_vec()),
            random,
        }
    }

    fn scenes(&mut self) -> Vec<ScriptScene> {
        let count = self.request.scene_count;
        let mut left = self.request.target.min(self.request.max).as_secs_f64();
        let mut scenes = Vec::with_capacity(count);
        let roles = roles(count, self.topic.promised);
        let weight = |roles: &[Role]| roles.iter().map(|role| role.weight()).sum::<f64>();
        // Labels are for films that have the time to say them in every scene.
        self.numbered &= left / weight(&roles) > 5.5;
        for (index, role) in roles.iter().copied().enumerate() {
            let budget = left * role.weight() / weight(&roles[index..]) - SCENE_PAUSE;
            let (narration, image) = self.scene(role, budget);
            left -= self.cost(&narration);
            let image =
                image.map_or_else(|| prompts::image(self.subject, index, &mut self.random), str::to_owned);
            scenes.push(ScriptScene {
                image_prompt: self.dress(index, role, &image),
                motion_prompt: prompts::motion(index, &mut self.random),
                narration,
                ..ScriptScene::default()
            });
        }
        scenes
    }

    /// The words of one scene, and its picture if they bring one.
    fn scene(&mut self, role: Role, budget: f64) -> (String, Option<&'static str>) {
        let (mut text, image) = self.opening(role, budget);
        let mut left = budget - self.seconds(&text);
        while left > 1.0 {
            let Some(more) = self.filler(role, left) else { break };
            // The end and what announces it stay last.
            text = if role.ends() { self.join(&more, &text) } else { self.join(&text, &more) };
            left = budget - self.seconds(&text);
        }
        if self.request.scene_count == 1 && left > -2.0 {
            let close = *self.random.pick(self.phrases.closes);
            text = self.join(&text, close);
        }
        (text, image)
    }

    /// The sentence that the scene is there for, in the longest form that the time allows.
    fn opening(&mut self, role: Role, budget: f64) -> (String, Option<&'static str>) {
        let mut image = None;
        let limit = budget * 1.2;
        let forms = match role {
            Role::Hook => self.openings(),
            Role::Item(number) => {
                let (reported, seen) = self.item(limit);
                image = seen;
                let label = self.phrases.label.replace("{n}", &number.to_string());
                let both = |text: String| {
                    if self.numbered { vec![self.join(&label, &text), text] } else { vec![text] }
                };
                reported.into_iter().flat_map(both).collect()
            }
            Role::Remark => self.filler(role, budget).into_iter().collect(),
            Role::Twist => self.mixed(self.phrases.twists),
            Role::Close => self.mixed(self.phrases.closes),
        };
        let fitting = forms.into_iter().find(|form| self.seconds(form) <= limit);
        (fitting.unwrap_or_else(|| self.crumb(budget)), image)
    }

    /// The forms of the next item, the longest first, and its picture: a fact if there is one left, of those
    /// rather one that can be told whole; else something that holds for every topic.
    fn item(&mut self, limit: f64) -> (Vec<String>, Option<&'static str>) {
        let pace = self.pace;
        let fits = |text: &str| pace.seconds(text) <= limit;
        let whole = self.facts.iter().rposition(|fact| fits(fact.text));
        if let Some(at) = whole.or_else(|| self.facts.len().checked_sub(1)) {
            let fact = self.facts.remove(at);
            return (vec![fact.text.to_owned(), fact.short.to_owned()], Some(fact.image));
        }
        let item = self.items.draw(&mut self.random, fits);
        (item.into_iter().map(str::to_owned).collect(), None)
    }

    /// Openings in a mixed order, the topic's own words as the last resort.
    fn openings(&mut self) -> Vec<String> {
        let lines = if self.topic.is_question { self.phrases.questions } else { self.phrases.hooks };
        let mut forms: Vec<String> =
            self.mixed(lines).into_iter().map(|line| line.replace("{topic}", &self.topic.spoken)).collect();
        forms.push(self.topic.title.clone());
        forms
    }

    fn mixed(&mut self, lines: &[&str]) -> Vec<String> {
        self.random.order(lines.len()).into_iter().map(|index| lines[index].to_owned()).collect()
    }

    /// More to say within `left` seconds: a fact or a remark where there is room, else an aside.
    fn filler(&mut self, role: Role, left: f64) -> Option<String> {
        let pace = self.pace;
        let fits = |text: &str| pace.seconds(text) <= left * 1.1;
        let spare = self.facts.len() > self.request.scene_count || self.request.scene_count < 3;
        if left > 5.0 && spare && self.facts.last().is_some_and(|fact| fits(fact.text)) {
            return self.facts.pop().map(|fact| fact.text.to_owned());
        }
        let long = if left > 4.0 { self.items.draw(&mut self.random, fits) } else { None };
        let short = match role {
            Role::Hook if long.is_none() => self.leads.draw(&mut self.random, fits),
            Role::Item(_) | Role::Remark if long.is_none() => self.asides.draw(&mut self.random, fits),
            _ => None,
        };
        long.or(short).map(str::to_owned)
    }

    fn crumb(&mut self, budget: f64) -> String {
        let pace = self.pace;
        let fits = |text: &str| pace.seconds(text) <= budget * 1.15;
        let crumb =
            self.crumbs.draw(&mut self.random, fits).or_else(|| self.crumbs.draw(&mut self.random, |_| true));
        crumb.unwrap_or("…").to_owned()
    }

    /// The first picture carries the title; characters appear in the others by turns.
    fn dress(&self, index: usize, role: Role, image: &str) -> String {
        if role == Role::Hook && self.request.scene_count > 1 {
            return format!("title card \"{}\", {image}", self.topic.title);
        }
        let characters = &self.request.characters;
        match characters.get(index % characters.len().max(1)) {
            Some(character) => format!("{image}, with {}", character.name),
            None => image.to_owned(),
        }
    }

    fn join(&self, one: &str, other: &str) -> String {
        format!("{one}{}{other}", self.phrases.space)
    }

    fn seconds(&self, text: &str) -> f64 {
        self.pace.seconds(text)
    }

    fn cost(&self, text: &str) -> f64 {
        self.seconds(text) + SCENE_PAUSE
    }
}

/// The shape of the film: hook, items with remarks between them as the number promised leaves room, twist, close.
fn roles(count: usize, promised: Option<usize>) -> Vec<Role> {
    let body = count.saturating_sub(2);
    let twist = usize::from(body >= 3 && promised.is_none_or(|items| items < body));
    let items = promised.unwrap_or(body).min(body - twist).max(usize::from(body > twist));
    let remarks = body - twist - items;
    let mut roles = vec![Role::Hook];
    let mut remarked = 0;
    for item in 1..=items {
        // Remarks are spread evenly; the first stands before the first item, as a promise.
        while remarked < remarks * item / items.max(1) && remarks > 0 {
            roles.push(Role::Remark);
            remarked += 1;
        }
        roles.push(Role::Item(item));
    }
    roles.extend(std::iter::repeat_n(Role::Twist, twist));
    roles.extend(std::iter::repeat_n(Role::Close, usize::from(count > 1)));
    roles
}
