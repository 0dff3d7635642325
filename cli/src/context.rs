//! What a command is given: the cluster, the clock and the streams. Tests give it others.

use std::io::{BufRead, Write};

use futures::future::LocalBoxFuture;
use jiff::Timestamp;
use kube::{Api, Resource};
use serde::Serialize;
use videofactory_client::{JobRef, within};
use videofactory_crds::VideoJob;

use crate::cluster::Cluster;
use crate::commands::Commands;
use crate::exit::Error;
use crate::output::{self, Format};
use crate::text::printable;

/// Where text comes from and goes to.
pub struct Streams {
    /// Data, and nothing else.
    pub out: Box<dyn Write>,
    /// Messages.
    pub err: Box<dyn Write>,
    /// Answers.
    pub input: Box<dyn BufRead>,
    /// Whether a person sits at `input`.
    pub asks: bool,
    /// Whether a person looks at `err`, so that a bar may move there.
    pub shows_bars: bool,
}

/// What a command is given.
pub struct Context {
    /// The cluster, as the flags name it.
    pub cluster: Cluster,
    /// The same flags for the commands that are shown.
    pub commands: Commands,
    /// The time.
    pub clock: Box<dyn Fn() -> Timestamp>,
    /// Waits until a person presses Ctrl-C. Once it was waited for, nothing else ends the program then.
    pub interrupted: Box<dyn Fn() -> LocalBoxFuture<'static, ()>>,
    /// Where text comes from and goes to.
    pub streams: Streams,
}

impl Context {
    /// The time now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// Writes data, as it is.
    pub fn data(&mut self, text: &str) -> Result<(), Error> {
        self.streams.out.write_all(text.as_bytes())?;
        self.streams.out.flush()?;
        Ok(())
    }

    /// Writes objects as they are wanted, but for columns; whether they were. `is_one`: one was asked for by its name.
    pub fn print<K>(&mut self, objects: &[K], is_one: bool, format: Option<Format>) -> Result<bool, Error>
    where
        K: Resource<DynamicType = ()> + Serialize,
    {
        let Some(format) = format else { return Ok(false) };
        let values = objects.iter().map(output::object).collect::<Result<Vec<_>, _>>()?;
        let Some(text) = output::objects(&values, is_one, format)? else { return Ok(false) };
        self.data(&text)?;
        Ok(true)
    }

    /// What became of an object, in kubectl's form. `name`: such as `videojob.videofactory.dev/ocean`.
    #[must_use]
    pub fn sentence(&self, name: &str, became: &str, namespace: &str) -> String {
        output::sentence(name, became, namespace, &self.cluster.namespace)
    }

    /// A text as people read it.
    #[must_use]
    pub fn reported(&self, text: &str) -> String {
        self.commands.complete(&printable(text))
    }

    /// Writes something, as a line.
    pub fn notify(&mut self, line: impl AsRef<str>) -> Result<(), Error> {
        let line = self.reported(line.as_ref());
        writeln!(self.streams.err, "{line}")?;
        self.streams.err.flush()?;
        Ok(())
    }

    /// The namespace that is meant: none for all of them.
    #[must_use]
    pub fn scope(&self, all_namespaces: bool) -> Option<String> {
        (!all_namespaces).then(|| self.cluster.namespace.clone())
    }

    /// The job that an argument names: `NAME`, `vj/NAME`, or `NAMESPACE/NAME` as messages write it.
    pub fn job(&self, text: &str) -> Result<JobRef, Error> {
        read_job(text, &self.cluster.namespace)
    }

    /// The job as it is now.
    pub async fn get(&self, job: &JobRef) -> Result<VideoJob, Error> {
        let api: Api<VideoJob> = Api::namespaced(self.cluster.client()?, &job.namespace);
        Ok(within(format!("get VideoJob {job}"), api.get(&job.name)).await?)
    }

    /// Asks whether these objects, one a line, are to be changed; takes nothing but a yes for a yes, and says where nothing is
    /// changed. `yes`: it was given on the command line.
    pub fn confirms(&mut self, objects: &str, question: &str, yes: bool) -> Result<bool, Error> {
        if yes {
            return Ok(true);
        }
        self.notify(objects.trim_end())?;
        if !self.streams.asks {
            return Err(Error::usage("nobody is there to agree: standard input is no terminal")
                .hint("say --yes, or look at what would be done by --dry-run"));
        }
        write!(self.streams.err, "{question} [y/N] ")?;
        self.streams.err.flush()?;
        let mut answer = String::new();
        self.streams.input.read_line(&mut answer)?;
        let agrees = matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes");
        if !agrees {
            self.notify("Nothing was changed.")?;
        }
        Ok(agrees)
    }
}

fn read_job(text: &str, namespace: &str) -> Result<JobRef, Error> {
    let (before, name) = text.rsplit_once('/').unwrap_or(("", text));
    let namespace = match before {
        "" | "vj" | "videojob" | "videojobs" | "videojob.videofactory.dev" | "videojobs.videofactory.dev" => {
            namespace
        }
        other => other,
    };
    format!("{namespace}/{name}").parse().map_err(|_| {
        Error::usage(format!("{text:?} names no VideoJob"))
            .hint("a name has lower-case letters, digits and dashes; `kubectl videofactory list` shows them")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_named_as_people_and_messages_name_it() {
        for (text, job) in [
            ("ocean", "films/ocean"),
            ("vj/ocean", "films/ocean"),
            ("videojob.videofactory.dev/ocean", "films/ocean"),
            ("demo/ocean", "demo/ocean"),
        ] {
            assert_eq!(read_job(text, "films").unwrap().to_string(), job);
        }
        for text in ["", "Ocean", "a/b/c", "--all"] {
            assert!(read_job(text, "films").is_err(), "{text}");
        }
    }
}
