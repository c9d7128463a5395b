//! stub
use super::console::Console;
use super::failure::Result;
use clap::Args;
/// stub
#[derive(Debug, Args)]
pub struct Render {}
impl Render { pub fn run(&self, _c: Console) -> Result<()> { Ok(()) } }
