//! Every way a checkpoint can be wrong, each with the message a person gets: small files, written here.

mod configuration;
mod finding;
mod pickles;
mod weights;

use crate::error::{Error, Refusal};
use tempfile::TempDir;

pub(super) use configuration::config;
pub(super) use pickles::{archive, dict, older_format, tensor};
pub(super) use weights::{TWO, safetensors};

fn dir() -> TempDir {
    tempfile::tempdir().unwrap()
}

#[track_caller]
fn refusal<T>(result: crate::Result<T>) -> Refusal {
    match result.err().expect("this should have been refused") {
        Error::Refused(refusal) => *refusal,
        other => panic!("not a refusal: {other}"),
    }
}
