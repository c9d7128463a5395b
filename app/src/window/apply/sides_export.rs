//! Both sides of a comparison as they are written to files: what is taken from the state, and how it is drawn.

use crate::difference_figure::{Content, DifferenceFigure};
use crate::figure::Figure;
use crate::map_figure::Error;
use crate::recipe::FigureSettings;
use crate::sides_figure::{SidesFigure, side_name};
use crate::window::state::{AppState, Counterparts, ExportOptions, MapLens, MapsCompared, SidesLook};
use opabinia_engine::compare::Maps;
use opabinia_engine::probe::Trace;
use opabinia_engine::vision::Picture;
use opabinia_shaders::{Gpu, Quantity};
use std::sync::Arc;

/// What the active pane shows of two sides, taken before the writing begins.
pub(super) struct SidesExport {
    traces: [Arc<Trace>; 2],
    names: [String; 2],
    picture: Arc<Picture>,
    picture_name: String,
    shown: Shown,
}

enum Shown {
    /// The maps of both: beside each other, or to either side of a line at this part of their width.
    Values(Box<[FigureSettings; 2]>, Option<f32>),
    /// Numbers that only a comparison has.
    Compared(Box<FigureSettings>, Content, Arc<Maps>),
}

impl SidesExport {
    /// What the active pane shows, with `options`; `None` where it does not show two sides, their numbers are not there yet, or
    /// their difference can be taken place by place.
    pub(super) fn of(state: &AppState, options: &ExportOptions, picture_name: String) -> Option<Self> {
        let pane = state.pane();
        let look = pane.source.look()?;
        let keys = state.sides_of(pane)?;
        let [Some(a), Some(b)] = keys.each_ref().map(|key| state.traces.get(key)) else { return None };
        let counterparts = Counterparts::of(&a.trace, &b.trace);
        let shown = match look {
            SidesLook::Difference if counterparts.are_alike() => return None,
            SidesLook::Difference | SidesLook::Divergence => {
                let Some(MapsCompared::Ready(maps)) = state.comparison.maps(&keys) else { return None };
                let content = if look == SidesLook::Difference { Content::Shares } else { Content::Divergence };
                let settings = options.settings(&b.trace, &compared(&counterparts, &pane.lens.fitted(&a.trace)));
                Shown::Compared(Box::new(settings), content, Arc::clone(maps))
            }
            SidesLook::Beside | SidesLook::Swap | SidesLook::Wipe => {
                let [Some(of_a), Some(of_b)] = counterparts.lenses(&pane.lens) else { return None };
                let [mut a, mut b] = [options.settings(&a.trace, &of_a), options.settings(&b.trace, &of_b)];
                if of_a.quantity.per_encoder() {
                    let pairs = a.encoders.iter().filter_map(|k| Some((*k, counterparts.encoder_of_b(*k)?)));
                    let pairs: Vec<(usize, usize)> = pairs.collect();
                    (a.encoders, b.encoders) = pairs.into_iter().unzip();
                }
                Shown::Values(Box::new([a, b]), (look == SidesLook::Wipe).then_some(state.comparison.wipe))
            }
        };
        let mut names = pane.source.runs().zip([a, b]).map(|(run, entry)| {
            let called = state.names().plain(&state.model_of(run.side)?.into());
            Some(side_name(called, &entry.trace))
        });
        let names = [names.next()??, names.next()??];
        let picture = Arc::clone(state.pictures.ready(keys[0].picture)?);
        let traces = [Arc::clone(&a.trace), Arc::clone(&b.trace)];
        Some(Self { traces, names, picture, picture_name, shown })
    }

    /// The figure, and its numbers as comma-separated values.
    pub(super) fn draw(&self, gpu: &Gpu) -> Result<(Figure, String), Error> {
        let traces = self.traces.each_ref().map(|trace| &**trace);
        let names = self.names.each_ref().map(String::as_str);
        let (picture, picture_name) = (&*self.picture, self.picture_name.as_str());
        match &self.shown {
            Shown::Values(settings, wipe) => {
                let settings = settings.each_ref();
                let figure = SidesFigure { traces, names, picture, picture_name, settings, wipe: *wipe };
                let drawn = figure.draw(gpu)?;
                let numbers = figure.csv(&drawn)?;
                Ok((drawn.figure, numbers))
            }
            Shown::Compared(settings, content, maps) => {
                let content = *content;
                let figure = DifferenceFigure { traces, names, maps, picture, picture_name, content, settings };
                let drawn = figure.draw(gpu)?;
                let numbers = figure.csv(&drawn.maps);
                Ok((drawn.figure, numbers))
            }
        }
    }
}

/// `lens`, made for A, as B's places of what is compared.
fn compared(counterparts: &Counterparts<'_>, lens: &MapLens) -> MapLens {
    let layers = counterparts.matching().layers.iter().filter(|[of_a, _]| lens.layers.contains(*of_a));
    let layers = layers.map(|[_, of_b]| *of_b).collect();
    let encoder = counterparts.encoder_of_b(lens.encoder).unwrap_or(0);
    MapLens { layers, encoder, quantity: Quantity::Share, selected: None, ..lens.clone() }
}
