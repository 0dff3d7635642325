//! The sections of a long film, kept in the bucket so that an edit renders only what it touches. A
//! section's name is the digest of everything that it is rendered from; losing one costs time alone.

use std::collections::BTreeSet;
use std::path::PathBuf;

use futures::stream::{self, StreamExt, TryStreamExt};
use tokio::sync::mpsc::UnboundedReceiver;
use videofactory_pipeline::Digest;
use videofactory_pipeline::contract::Artifact;
use videofactory_pipeline::timeline::MAX_SCENES_A_SECTION;
use videofactory_storage::PutOptions;

use crate::context::Context;
use crate::outcome::StepError;
use videofactory_film::request::{FilmRequest, SectionFile};

/// How many sections are moved at a time.
const MOVE_CONCURRENCY: usize = 3;
/// Sections of earlier edits are fetched too, for their names alone say nothing; but not without end.
const MAX_FETCHED: usize = 64;

/// Where a film's sections are kept while it is rendered; nowhere for a short film, which is one piece.
pub struct Sections {
    folder: Option<PathBuf>,
}

impl Sections {
    /// Fetches what earlier attempts and edits have rendered.
    pub async fn prepare(context: &Context, request: &FilmRequest) -> Result<Self, StepError> {
        if request.scenes.len() <= MAX_SCENES_A_SECTION {
            return Ok(Self { folder: None });
        }
        let folder = context.paths.work().join("sections");
        tokio::fs::create_dir_all(&folder)
            .await
            .map_err(|error| StepError::use_file("make", &folder, &error))?;
        let stored: Vec<String> = context
            .bucket
            .list(&context.keys.sections())
            .take(MAX_FETCHED)
            .map_ok(|section| section.key)
            .try_collect()
            .await?;
        let (bucket, into) = (&context.bucket, &folder);
        stream::iter(stored)
            .map(|key| async move {
                let name = key.rsplit('/').next().unwrap_or_default();
                bucket.get_to_file(&key, &into.join(name)).await.map(drop)
            })
            .buffer_unordered(MOVE_CONCURRENCY)
            .try_collect::<()>()
            .await?;
        Ok(Self { folder: Some(folder) })
    }

    /// The folder in which the film engine looks for sections and leaves them.
    #[must_use]
    pub fn folder(&self) -> Option<PathBuf> {
        self.folder.clone()
    }

    /// Stores each section as it comes, until no more do: an attempt that is cut short leaves what it has rendered. What
    /// was stored, by digest; what was not is tried again with the film.
    pub async fn keep(
        &self,
        context: &Context,
        mut rendered: UnboundedReceiver<SectionFile>,
    ) -> BTreeSet<String> {
        let mut kept = BTreeSet::new();
        while let Some(section) = rendered.recv().await {
            if self.folder.is_none() {
                continue;
            }
            match put(context, &section).await {
                Ok(()) => {
                    kept.insert(section.digest);
                }
                Err(error) => tracing::warn!(%error, "failed to store a section while the film is rendered"),
            }
        }
        kept
    }

    /// Stores the sections that are new and not kept yet; all of them, in order, for the film's document.
    pub async fn store(
        &self,
        context: &Context,
        sections: &[SectionFile],
        kept: &BTreeSet<String>,
    ) -> Result<Vec<Artifact>, StepError> {
        if self.folder.is_none() {
            return Ok(Vec::new());
        }
        let stores = stream::iter(0..sections.len()).map(|place| store_one(context, &sections[place], kept));
        stores.buffered(MOVE_CONCURRENCY).try_collect().await
    }
}

fn key(context: &Context, section: &SectionFile) -> Result<String, StepError> {
    let digest = Digest::from_hex(&section.digest);
    let digest = digest.ok_or_else(|| StepError::Break(format!("{:?} is no digest", section.digest)))?;
    Ok(context.keys.section(&digest))
}

async fn put(context: &Context, section: &SectionFile) -> Result<(), StepError> {
    let key = key(context, section)?;
    context.bucket.put_file_once(&key, &section.path, &PutOptions::of_type("video/mp4")).await?;
    Ok(())
}

async fn store_one(
    context: &Context,
    section: &SectionFile,
    kept: &BTreeSet<String>,
) -> Result<Artifact, StepError> {
    if !section.reused && !kept.contains(&section.digest) {
        put(context, section).await?;
    }
    let key = key(context, section)?;
    let size = tokio::fs::metadata(&section.path)
        .await
        .map_err(|error| StepError::use_file("read", &section.path, &error))?
        .len();
    Ok(Artifact { key, size: i64::try_from(size).unwrap_or(i64::MAX), seconds: 0.0 })
}
