//! A recorder that says when the SVA is done, while the rest of the pass is still to come: its maps need not wait for
//! an answer that may take minutes.

use super::Recorder;
use crate::error::Result;
use crate::observe::{Observer, Site};
use candle_core::Tensor;

/// Records like a [`Recorder`], and calls back once after the last SVA layer of the pass.
pub struct Announcer<'a> {
    recorder: Recorder,
    /// SVA layers of the pass.
    layers: usize,
    complete: &'a mut dyn FnMut(&Recorder) -> Result<()>,
}

impl<'a> Announcer<'a> {
    /// Calls `complete` when `recorder` has seen `layers` SVA layers; as many as the pass runs through.
    pub fn new(recorder: Recorder, layers: usize, complete: &'a mut dyn FnMut(&Recorder) -> Result<()>) -> Self {
        Self { recorder, layers, complete }
    }

    /// What was recorded.
    pub fn into_recorder(self) -> Recorder {
        self.recorder
    }
}

impl Observer for Announcer<'_> {
    fn wants(&self, site: Site) -> bool {
        self.recorder.wants(site)
    }

    fn needs_whole_pass(&self) -> bool {
        self.recorder.needs_whole_pass()
    }

    fn observe(&mut self, site: Site, value: &Tensor) -> Result<()> {
        self.recorder.observe(site, value)?;
        if matches!(site, Site::SvaProbs(_)) && self.recorder.layers().len() == self.layers {
            (self.complete)(&self.recorder)?;
        }
        Ok(())
    }
}
