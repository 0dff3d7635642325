//! The documentation, as somebody uses it who pastes its blocks from the first to the last.
//!
//! Every block in `bash`, `console` or `sh` counts. Where lines of a `console` block begin with `$ `, those are what is
//! typed, and the others what it prints. What a page cannot say stands in comments, each on lines of its own:
//!
//! | Comment | Says |
//! |---|---|
//! | `<!-- given: COMMANDS -->` | what makes the things that the page supposes; runs where it stands |
//! | `<!-- save as: FILE -->` | the next block is what readers put into this file |
//! | `<!-- expect: REGEX -->` | what the next block prints matches this |
//! | `<!-- stays: REGEX -->` | the next block does not end by itself; what follows may run once its output matches |
//! | `<!-- not run: WHY -->` | the next block is not run by the tests, and why |

use std::fs;
use std::io;
use std::mem::take;
use std::path::{Path, PathBuf};

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};
use regex::Regex;

/// Languages of blocks that are commands.
const SHELL: [&str; 3] = ["bash", "console", "sh"];
/// Those of other blocks.
const OTHERS: [&str; 4] = ["json", "promql", "text", "yaml"];

/// What somebody does who follows a page, in order.
#[derive(Debug, Default)]
pub struct Page {
    /// All that is done.
    pub steps: Vec<Step>,
    /// Blocks that are not run: the line of each, and why.
    pub skipped: Vec<(usize, String)>,
}

/// One thing to do.
#[derive(Debug)]
pub struct Step {
    /// Line of the page, from 1.
    pub line: usize,
    pub action: Action,
}

/// What to do.
#[derive(Debug)]
pub enum Action {
    /// Put a text into a file.
    Save {
        /// Its name.
        file: String,
        text: String,
    },
    /// Run commands.
    Run(Commands),
}

/// Commands, and what is known of them.
#[derive(Debug, Default)]
pub struct Commands {
    /// What is typed.
    pub text: String,
    /// What the output matches.
    pub expect: Vec<Regex>,
    /// What the output matches once the next thing can be done, if the commands do not end by themselves.
    pub stays: Option<Regex>,
}

impl Commands {
    /// What is expected and not in this output.
    #[must_use]
    pub fn missing(&self, output: &str) -> Vec<&str> {
        self.expect.iter().filter(|wanted| !wanted.is_match(output)).map(Regex::as_str).collect()
    }
}

/// The pages below a folder: README.md, and all below docs.
pub fn pages(root: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = vec![root.join("README.md")];
    let mut folders = vec![root.join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Reads a page in Markdown; or all that is wrong with it, each with its line.
pub fn read(markdown: &str) -> Result<Page, Vec<String>> {
    let mut reader = Reader::default();
    let mut block: Option<Block> = None;
    let events = Parser::new_ext(markdown, Options::ENABLE_TABLES).into_offset_iter();
    for (event, range) in events {
        let line = 1 + markdown[..range.start].matches('\n').count();
        match event {
            Event::Start(Tag::HtmlBlock) => block = Some(Block::new(line, String::new())),
            Event::Start(Tag::CodeBlock(kind)) => block = Some(Block::new(line, language(&kind))),
            Event::Text(text) | Event::Html(text) => {
                if let Some(open) = &mut block {
                    open.text.push_str(&text);
                }
            }
            Event::End(TagEnd::HtmlBlock) => reader.html(&block.take().unwrap_or_default()),
            Event::End(TagEnd::CodeBlock) => reader.block(&block.take().unwrap_or_default()),
            Event::InlineHtml(html) if Mark::read(&html).is_some() => {
                reader.fault(line, "this comment stands in a line of text; give it a line of its own");
            }
            Event::Start(_) => reader.prose(),
            _ => {}
        }
    }
    reader.prose();
    if reader.faults.is_empty() { Ok(reader.page) } else { Err(reader.faults) }
}

/// A block of code or HTML.
#[derive(Debug, Default)]
struct Block {
    line: usize,
    language: String,
    text: String,
}

impl Block {
    fn new(line: usize, language: String) -> Self {
        Self { line, language, text: String::new() }
    }
}

fn language(kind: &CodeBlockKind<'_>) -> String {
    match kind {
        CodeBlockKind::Fenced(info) => info.split_whitespace().next().unwrap_or_default().to_owned(),
        CodeBlockKind::Indented => String::new(),
    }
}

/// What a comment says of the block that follows.
#[derive(Debug)]
enum Mark {
    Given(String),
    SaveAs(String),
    Expect(String),
    Stays(String),
    NotRun(String),
}

impl Mark {
    /// Reads a comment; `None` if it is none of these.
    fn read(html: &str) -> Option<Self> {
        let inner = html.trim().strip_prefix("<!--")?.strip_suffix("-->")?;
        let (word, rest) = inner.split_once(':')?;
        let rest = rest.trim().to_owned();
        match word.trim() {
            "given" => Some(Self::Given(rest)),
            "save as" => Some(Self::SaveAs(rest)),
            "expect" => Some(Self::Expect(rest)),
            "stays" => Some(Self::Stays(rest)),
            "not run" => Some(Self::NotRun(rest)),
            _ => None,
        }
    }
}

/// What comments have said of the next block.
#[derive(Debug, Default)]
struct Marks {
    first: Option<usize>,
    save_as: Option<String>,
    expect: Vec<Regex>,
    stays: Option<Regex>,
    not_run: Option<String>,
    unknown: Option<usize>,
}

#[derive(Debug, Default)]
struct Reader {
    page: Page,
    marks: Marks,
    faults: Vec<String>,
}

impl Reader {
    fn fault(&mut self, line: usize, what: impl std::fmt::Display) {
        self.faults.push(format!("line {line}: {what}"));
    }

    fn html(&mut self, html: &Block) {
        let line = html.line;
        let mark = match Mark::read(&html.text) {
            Some(mark) => mark,
            None if html.text.trim_start().starts_with("<!--") => {
                self.marks.unknown = Some(line);
                return;
            }
            None => return self.prose(),
        };
        if let Mark::Given(text) = mark {
            let commands = Commands { text: format!("{text}\n"), ..Commands::default() };
            self.page.steps.push(Step { line, action: Action::Run(commands) });
            return;
        }
        self.marks.first.get_or_insert(line);
        match mark {
            Mark::Given(_) => {}
            Mark::SaveAs(file) => self.marks.save_as = Some(file),
            Mark::Expect(pattern) => {
                if let Some(pattern) = self.regex(line, &pattern) {
                    self.marks.expect.push(pattern);
                }
            }
            Mark::Stays(pattern) => self.marks.stays = self.regex(line, &pattern),
            Mark::NotRun(why) if why.is_empty() => self.fault(line, "say why the block is not run"),
            Mark::NotRun(why) => self.marks.not_run = Some(why),
        }
    }

    fn regex(&mut self, line: usize, pattern: &str) -> Option<Regex> {
        if pattern.is_empty() {
            self.fault(line, "say what the output matches");
            return None;
        }
        Regex::new(pattern).map_err(|error| self.fault(line, error)).ok()
    }

    /// Something that is neither a comment nor a block.
    fn prose(&mut self) {
        if let Some(line) = take(&mut self.marks).first {
            self.fault(line, "this comment stands before no block");
        }
    }

    fn block(&mut self, block: &Block) {
        let (line, marks) = (block.line, take(&mut self.marks));
        if let Some(line) = marks.unknown {
            self.fault(
                line,
                "this comment before a block is none that the tests know; see tests/src/docs.rs",
            );
        }
        if SHELL.contains(&block.language.as_str()) {
            self.shell(block, marks);
        } else if !OTHERS.contains(&block.language.as_str()) {
            let known = SHELL.iter().chain(&OTHERS).copied().collect::<Vec<_>>().join(", ");
            self.fault(line, format!("the block's language is {:?}, none of {known}", block.language));
        } else if let Some(file) = marks.save_as {
            self.page.steps.push(Step { line, action: Action::Save { file, text: block.text.clone() } });
        } else if let Some(line) = marks.first {
            self.fault(line, "this comment is for blocks of commands");
        }
    }

    fn shell(&mut self, block: &Block, marks: Marks) {
        let line = block.line;
        if marks.save_as.is_some() {
            self.fault(line, "commands are run, not saved");
        }
        if let Some(why) = marks.not_run {
            if marks.stays.is_some() || !marks.expect.is_empty() {
                self.fault(line, "the block is not run, so that nothing can be expected of it");
            }
            self.page.skipped.push((line, why));
            return;
        }
        let text = typed(block);
        if text.trim().is_empty() {
            self.fault(line, "the block has no command");
        }
        let commands = Commands { text, expect: marks.expect, stays: marks.stays };
        self.page.steps.push(Step { line, action: Action::Run(commands) });
    }
}

/// What of a block is typed: all of it, or the lines after a prompt with those that continue them.
fn typed(block: &Block) -> String {
    let is_prompt = |line: &str| line.starts_with("$ ");
    if block.language != "console" || !block.text.lines().any(is_prompt) {
        return block.text.clone();
    }
    let (mut typed, mut continues) = (String::new(), false);
    for line in block.text.lines() {
        if continues || is_prompt(line) {
            typed.push_str(if continues { line } else { &line[2..] });
            typed.push('\n');
            continues = line.ends_with('\\');
        }
    }
    typed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(markdown: &str) -> Page {
        read(markdown).unwrap()
    }

    fn commands(page: &Page) -> Vec<&Commands> {
        let run = page.steps.iter().map(|step| match &step.action {
            Action::Run(commands) => commands,
            other @ Action::Save { .. } => panic!("{other:?}"),
        });
        run.collect()
    }

    #[test]
    fn blocks_of_commands_are_run_in_order_with_their_lines() {
        let page =
            page("# A\n\n```bash\none\n```\n\n- in a list\n\n  ```sh\n  two\n  ```\n\n```yaml\na: b\n```\n");
        let lines: Vec<usize> = page.steps.iter().map(|step| step.line).collect();
        assert_eq!(lines, [3, 9]);
        let texts: Vec<&str> = commands(&page).iter().map(|commands| commands.text.as_str()).collect();
        assert_eq!(texts, ["one\n", "two\n"]);
    }

    #[test]
    fn of_a_transcript_what_follows_a_prompt_is_typed() {
        let shown = page("```console\n$ kubectl get \\\n    vj\nNAME  PHASE\n$ echo \"$ a\"\n$ a\n```\n");
        // The last line looks like a prompt and is one.
        assert_eq!(commands(&shown)[0].text, "kubectl get \\\n    vj\necho \"$ a\"\na\n");
        let plain = page("```console\necho a   # says a\n```\n");
        assert_eq!(commands(&plain)[0].text, "echo a   # says a\n");
    }

    #[test]
    fn comments_say_what_a_page_cannot() {
        let page = page(concat!(
            "<!-- given:\nkubectl apply -f - <<EOF\n\na: b\nEOF\n-->\n\n",
            "<!-- save as: a.yaml -->\n```yaml\na: b\n```\n",
            "<!-- expect: \"a\": *1 -->\n<!-- expect: (?m)^b$ -->\n```bash\ncat a.yaml\n```\n",
            "<!-- stays: :8000 -->\n\n```bash\nserve\n```\n",
            "<!-- not run: it costs money -->\n```bash\npay\n```\n<!-- a note -->\n",
        ));
        let [given, save, run, stays] = &page.steps[..] else { panic!("{:?}", page.steps) };
        assert!(matches!(&given.action, Action::Run(given) if given.text.ends_with("<<EOF\n\na: b\nEOF\n")));
        assert!(matches!(&save.action, Action::Save { file, text } if file == "a.yaml" && text == "a: b\n"));
        let Action::Run(run) = &run.action else { panic!("{run:?}") };
        assert_eq!(run.missing("\"a\":1\nb\n"), Vec::<&str>::new());
        assert_eq!(run.missing("\"a\": 1, b\n"), ["(?m)^b$"]);
        assert!(
            matches!(&stays.action, Action::Run(stays) if stays.stays.as_ref().unwrap().is_match("on :8000"))
        );
        assert_eq!(page.skipped, [(23, "it costs money".to_owned())]);
    }

    #[test]
    fn what_would_pass_unseen_is_refused_with_its_line() {
        for (markdown, fault) in [
            ("```\nls\n```\n", "line 1: the block's language is \"\""),
            ("text\n\n    ls\n", "line 3: the block's language is \"\""),
            ("```shell\nls\n```\n", "line 1: the block's language is \"shell\""),
            ("<!-- not run: -->\n```bash\nls\n```\n", "line 1: say why"),
            ("<!-- expect: ( -->\n```bash\nls\n```\n", "line 1: regex parse error"),
            ("<!-- expect: -->\n```bash\nls\n```\n", "line 1: say what"),
            ("<!-- expects: a -->\n```bash\nls\n```\n", "line 1: this comment before a block"),
            ("<!-- expect: a -->\ntext\n", "line 1: this comment stands before no block"),
            (
                "<!-- expect: a -->\n\ntext\n\n```bash\nls\n```\n",
                "line 1: this comment stands before no block",
            ),
            ("<!-- expect: a -->\n", "line 1: this comment stands before no block"),
            ("text <!-- expect: a -->\n\n```bash\nls\n```\n", "line 1: this comment stands in a line"),
            ("<!-- expect: a -->\n```yaml\na: b\n```\n", "line 1: this comment is for blocks of commands"),
            ("<!-- save as: a -->\n```bash\nls\n```\n", "line 2: commands are run"),
            ("<!-- not run: no -->\n<!-- expect: a -->\n```bash\nls\n```\n", "line 3: the block is not run"),
            ("```bash\n\n```\n", "line 1: the block has no command"),
        ] {
            let faults = read(markdown).unwrap_err();
            assert!(faults[0].starts_with(fault), "{markdown}: {faults:?}");
        }
    }
}
