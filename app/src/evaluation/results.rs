//! What is written when a run is complete.

use crate::output;
use opabinia_engine::Result;
use opabinia_eval::report::{Columns, Summary, markdown};
use opabinia_eval::run::{Merged, RunDirectory};
use std::io::Write;

/// Writes everything that is finished of `run` in the order of the set, and its tables.
///
/// # Errors
/// If it cannot be written.
pub fn write(run: &RunDirectory, merged: &Merged, columns: &Columns<'_>, summary: &Summary) -> Result<()> {
    let path = |name: &str| run.path().join(name);
    output::write(&path("merged.jsonl"), |file| {
        for entry in &merged.entries {
            serde_json::to_writer(&mut *file, entry)?;
            file.write_all(b"\n")?;
        }
        Ok(())
    })?;
    let json = format!("{:#}\n", summary.json(columns));
    output::write(&path("summary.json"), |file| file.write_all(json.as_bytes()))?;
    let page = markdown(columns, summary);
    output::write(&path("summary.md"), |file| file.write_all(page.as_bytes()))
}
