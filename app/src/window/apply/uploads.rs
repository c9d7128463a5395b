//! What panes show is put on the GPU, once it is there to be drawn and only then.

use crate::difference_figure::average;
use crate::value_grid::value_grid;
use crate::window::app::{App, Finished};
use crate::window::gpu::{ComparedPart, ComparedWhat, GridOnGpu, GridPart, MapGpu, Upload};
use crate::window::state::{
    MapPane, MapSource, MapsCompared, NoticeKind, PictureEntry, PictureState, SidesLook, chosen,
};
use opabinia_engine::compare::Maps;
use opabinia_engine::probe::TokenAttention;
use opabinia_engine::sva::{Frame, PictureSize};
use opabinia_engine::vision::Picture;
use std::sync::Arc;

impl App {
    /// Sees to it that the traces that panes show lie on the GPU.
    pub(super) fn upload_traces(&mut self) {
        let Some(gpu) = self.gpu.clone() else { return };
        let mut wanted: Vec<_> = (self.state.panes().iter())
            .flat_map(|pane| pane.source.runs())
            .filter_map(|run| self.state.run_key(run))
            .collect();
        // Beside what a token attended to stands what its picture was read as.
        wanted.extend(self.state.plain_key());
        for key in wanted {
            let Some(entry) = self.state.traces.get(&key) else { continue };
            if gpu.trace(&entry.trace).is_some() {
                continue;
            }
            let (trace, names) = (Arc::clone(&entry.trace), entry.encoder_names.clone());
            // Its pixels may not have been read yet, or were let go of meanwhile.
            let Some(picture) = self.state.pictures.ready(key.picture).map(Arc::clone) else {
                let unread = |entry: &PictureEntry| matches!(entry.state, PictureState::Unread);
                if self.state.pictures.get(key.picture).is_some_and(unread) {
                    self.read_picture(key.picture);
                }
                continue;
            };
            gpu.begin_trace(&trace);
            let (gpu, failed) = (gpu.clone(), Arc::clone(&trace));
            self.run_beside(
                "upload",
                move |error| Finished::Uploaded(failed, Err(error)),
                move || {
                    let uploaded = gpu.upload(&trace, &names, &picture);
                    Finished::Uploaded(trace, uploaded)
                },
            );
        }
    }

    /// An upload has ended, and `note` notes that.
    pub(super) fn uploaded<T>(&mut self, ended: Result<T, String>, note: impl FnOnce(&MapGpu, Upload<T>)) {
        let upload = match ended {
            Ok(on_gpu) => Upload::Ready(Arc::new(on_gpu)),
            Err(error) => {
                // The pane says so.
                self.state.notices.log(NoticeKind::Failure, (self.texts().engine.said)(&error));
                Upload::Failed(error)
            }
        };
        if let Some(gpu) = &self.gpu {
            note(gpu, upload);
        }
    }

    /// Sees to it that what panes show of `attention` lies on the GPU.
    pub(super) fn upload_attention(&mut self, attention: &Arc<TokenAttention>) {
        let Some(gpu) = self.gpu.clone() else { return };
        let picture = self.state.token.and_then(|place| self.state.conversations.exchange(place)?.picture);
        let Some(picture) = picture.and_then(|id| self.state.pictures.ready(id)).map(Arc::clone) else { return };
        let parts: Vec<GridPart> = (self.state.panes().iter())
            .filter_map(|pane| match pane.source {
                MapSource::TokenAttention { layer, head } => Some(GridPart { layer, head }),
                MapSource::Run(_) | MapSource::Difference(..) | MapSource::Sides(..) => None,
            })
            .collect();
        for part in parts {
            if !gpu.begin_grid(attention, part) {
                continue;
            }
            let (gpu, picture) = (gpu.clone(), Arc::clone(&picture));
            let (attention, failed) = (Arc::clone(attention), Arc::clone(attention));
            self.run_beside(
                "token upload",
                move |error| Finished::Grid(failed, part, Err(error)),
                move || {
                    let uploaded = upload_part(&gpu, &attention, part, &picture);
                    Finished::Grid(attention, part, uploaded)
                },
            );
        }
    }
}

impl App {
    /// Sees to it that the grids of comparisons that panes show lie on the GPU.
    pub(super) fn upload_compared(&mut self) {
        let Some(gpu) = self.gpu.clone() else { return };
        let mut begun = Vec::new();
        for pane in self.state.panes().iter() {
            let Some(keys) = self.state.sides_of(pane) else { continue };
            let Some(MapsCompared::Ready(maps)) = self.state.comparison.maps(&keys) else { continue };
            let Some(a) = self.state.traces.get(&keys[0]) else { continue };
            let Some(picture) = self.state.pictures.ready(keys[0].picture) else { continue };
            let layers = pane.lens.fitted(&a.trace).layers;
            for what in compared_in(pane, maps) {
                let part = ComparedPart { what, layers };
                if gpu.begin_compared(maps, part) {
                    begun.push((Arc::clone(maps), part, a.trace.picture, Arc::clone(picture)));
                }
            }
        }
        for (maps, part, size, picture) in begun {
            let (gpu, failed) = (gpu.clone(), Arc::clone(&maps));
            self.run_beside(
                "comparison upload",
                move |error| Finished::Compared(failed, part, Err(error)),
                move || {
                    let uploaded = upload_compared_part(&gpu, &maps, part, size, &picture);
                    Finished::Compared(maps, part, uploaded)
                },
            );
        }
    }
}

/// What `pane` draws of the comparison `maps`.
fn compared_in(pane: &MapPane, maps: &Maps) -> Vec<ComparedWhat> {
    match pane.source.look() {
        Some(SidesLook::Divergence) => vec![ComparedWhat::Divergence],
        Some(SidesLook::Difference) => (0..maps.matching.encoders.len()).map(ComparedWhat::Share).collect(),
        _ => Vec::new(),
    }
}

fn upload_compared_part(
    gpu: &MapGpu,
    maps: &Maps,
    part: ComparedPart,
    size: PictureSize,
    picture: &Arc<Picture>,
) -> Result<GridOnGpu, String> {
    let layers: Vec<_> = maps.layers.iter().filter(|layer| part.layers.contains(layer.places[0])).collect();
    let side = layers.iter().map(|layer| layer.side).max().unwrap_or(1);
    let frame = Frame::new(side, size);
    let values = match part.what {
        ComparedWhat::Divergence => average(&layers, &frame, |layer| &layer.divergence),
        ComparedWhat::Share(pair) => {
            average(&layers, &frame, |layer| layer.share_differences.get(pair).map_or(&[], Vec::as_slice))
        }
    };
    let grid = value_grid("comparison", &frame, &values, picture).map_err(|error| error.to_string())?;
    gpu.upload_grid(&grid, picture)
}

fn upload_part(
    gpu: &MapGpu,
    attention: &TokenAttention,
    part: GridPart,
    picture: &Arc<Picture>,
) -> Result<GridOnGpu, String> {
    let (values, _) = chosen(attention, part.layer, part.head)
        .ok_or_else(|| "there is no such layer or head in the language model".to_owned())?;
    let grid = value_grid("token", &attention.frame, &values, picture).map_err(|error| error.to_string())?;
    gpu.upload_grid(&grid, picture)
}
