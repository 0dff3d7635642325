//! The API as a whole, asked as its callers ask it.

mod abuse;
mod access;
mod actions;
mod backups;
mod bulk;
mod cleanup;
mod compression;
mod conforms;
mod create;
mod dashboard;
mod document;
mod files;
mod jobs;
mod markup;
mod scenes;
mod stats;
mod stream;
mod unwatched;
