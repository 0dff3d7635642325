//! A module for each verb: its flags, and what it does.

pub mod accounts;
pub mod act;
pub mod artifacts;
pub mod backup;
pub mod cleanup;
pub mod completion;
pub mod create;
pub mod dashboard;
pub mod doctor;
pub mod download;
pub mod install;
pub mod list;
pub mod logs;
pub mod proxy;
pub mod report;
pub mod restore;
pub mod status;
pub mod storage;
