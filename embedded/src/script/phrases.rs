//! What can be said about anything, in English: the frame around the facts, and what fills the time when
//! there are none. `{topic}` is the topic; each line is whole by itself.

/// The sentences of one language, by the place they take in a film.
#[derive(Debug)]
pub(super) struct Phrases {
    /// What stands between sentences: a space, or nothing.
    pub space: &'static str,
    /// Openings that name the topic.
    pub hooks: &'static [&'static str],
    /// Openings for a topic that is a question; the same as `hooks` where the form does not matter.
    pub questions: &'static [&'static str],
    /// Short remarks after an opening.
    pub leads: &'static [&'static str],
    /// A label before an item, with `{n}`, for films told as a list.
    pub label: &'static str,
    /// Remarks that hold for every topic.
    pub items: &'static [&'static str],
    /// Short remarks after any sentence.
    pub asides: &'static [&'static str],
    /// What comes before the end.
    pub twists: &'static [&'static str],
    /// The end.
    pub closes: &'static [&'static str],
    /// A few words for a scene of a second.
    pub crumbs: &'static [&'static str],
    /// The page's text, with `{topic}`.
    pub description: &'static str,
}

pub(super) const ENGLISH: Phrases = Phrases {
    space: " ",
    hooks: &[
        "You think you know {topic}. Give me a moment.",
        "Let us talk about {topic}. It is stranger than it looks.",
        "Nobody told you this about {topic} at school.",
        "Here is {topic}, as you have never seen it.",
        "A short story about {topic}. Every word of it is meant kindly.",
    ],
    questions: &[
        "Today's question: {topic} It is better than it sounds.",
        "Here is a question that deserves an answer: {topic}",
        "Somebody had to ask: {topic}",
    ],
    leads: &[
        "The best comes last.",
        "It will not take long.",
        "Bring a biscuit.",
        "You may want to sit down.",
        "Ready?",
        "No previous knowledge is needed, only a little wonder.",
    ],
    label: "Number {n}.",
    items: &[
        "Everyone has an opinion about it, and the fewer facts people have, the longer they talk.",
        "It started small, as everything does, and nobody present thought of taking a picture.",
        "The experts agree on the basics, and argue about the rest at the buffet.",
        "Look at it long enough and it turns strange, like a word that you repeat twenty times.",
        "For every answer there are two new questions, and the better one is asked by a child.",
        "Most of the work happens where nobody looks. That is also where they keep the biscuits.",
        "There is always one detail that everyone overlooks. It is usually the best one.",
        "What looks simple from afar was arranged with great care, or is a happy accident.",
        "Someone, somewhere, has spent a whole life on exactly this, and would love to tell you about it.",
        "Half of what we think we know comes from one story, told very well.",
        "Ask ten people about it and you get eleven answers, three of them with diagrams.",
        "The first attempt rarely works. The second is where things become interesting.",
        "Take it apart, and every piece makes sense. Put it together, and it is a small wonder.",
        "It looks finished, but somebody is improving it at this very moment, probably with coffee.",
    ],
    asides: &[
        "That is not a typo.",
        "Let that sink in.",
        "Yes, really.",
        "Take your time with that one.",
        "And nobody complained.",
        "Tell that to someone at dinner.",
        "The world is a wonderful place to pay attention to.",
        "Nature does not do things by halves.",
        "If you smiled just now, you are in good company.",
        "Remember that the next time someone says that everything has been discovered.",
        "It sounds made up, and that is exactly why it is worth knowing.",
        "I had to read it twice as well.",
        "Somewhere a teacher is nodding.",
        "Keep that in mind, it will come in handy at exactly one party.",
        "There is a lesson in it, but let us not spoil the fun.",
    ],
    twists: &[
        "And now the twist: the more you know about it, the bigger it gets.",
        "But the strangest part is this: it was there all along, and we walked past it.",
        "Here is the catch. Once you have noticed it, you will see it everywhere.",
        "The best part? There is far more that nobody has found out yet.",
        "And it gets even better.",
    ],
    closes: &[
        "Now you know. Use it wisely.",
        "That is all for today. Stay curious.",
        "So look again. It was never ordinary.",
        "Pass it on. Wonder is free.",
    ],
    crumbs: &[
        "Look closer.",
        "And then?",
        "One more.",
        "Wait for it.",
        "Oh yes.",
        "There it is.",
        "Slowly now.",
        "Like this.",
        "Still here?",
        "Keep looking.",
        "Quite so.",
        "Imagine that.",
    ],
    description: "A short film: {topic}",
};
