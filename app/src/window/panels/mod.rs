//! What is on the screen. Each panel reads the state and says what was done; none of them changes anything.

mod comparison;
mod conversation;
mod evaluation;
mod evidence;
mod export;
mod inspector;
mod notices;
mod once;
mod opening;
mod overlay;
mod parts;
mod piece;
mod probe;
mod shown;
mod token_text;
mod top_bar;
mod whose;

pub use conversation::with_pasted;

use super::action::{Action, ProgramAction};
use super::command::UiCommand;
use super::gpu::MapGpu;
use super::lang::Texts;
use super::state::{AppState, Layout, Overlay, PanelKind};
use egui::{CentralPanel, Context, Event, Frame, Panel, Popup, Ui};
use egui_tiles::{Behavior, SimplificationOptions, Tabs, TileId, Tiles, UiResponse};
use once::Once;
use std::sync::Arc;

/// What every panel is given.
pub struct Cx<'a> {
    /// What is shown.
    pub state: &'a AppState,
    /// In which words.
    pub texts: &'static Texts,
    /// With which maps; `None` where there is no graphics device.
    pub gpu: Option<&'a MapGpu>,
    once: Once,
}

impl<'a> Cx<'a> {
    /// For one frame.
    fn new(state: &'a AppState, texts: &'static Texts, gpu: Option<&'a MapGpu>) -> Self {
        Self { state, texts, gpu, once: Once::default() }
    }
}

/// What panels keep for speed alone: dropping it changes nothing on the screen.
#[derive(Default)]
pub struct Panels {
    conversation: conversation::Kept,
    evaluation: evaluation::Kept,
    inspector: inspector::Kept,
}

impl Panels {
    /// Draws the window, adds what was done to `out`, and gives the layout if a person has changed it.
    pub fn show(
        &mut self,
        ui: &mut Ui,
        state: &AppState,
        texts: &'static Texts,
        gpu: Option<&MapGpu>,
        out: &mut Vec<Action>,
    ) -> Option<Layout> {
        let cx = Cx::new(state, texts, gpu);
        Panel::top("top bar").show(ui, |ui| top_bar::show(ui, &cx, out));
        notices::show(ui, &cx, out);
        let mut layout = None;
        let ground = ui.visuals().faint_bg_color;
        CentralPanel::default().frame(Frame::new().fill(ground)).show(ui, |ui| {
            if opening::is_needed(state) {
                opening::page(ui, &cx, out);
            } else {
                let mut tree = state.layout.clone();
                let mut tiles = TilesOf { cx: &cx, kept: self, out };
                tree.0.ui(&mut tiles, ui);
                layout = Some(tree).filter(|tree| *tree != state.layout);
            }
        });
        opening::over_panels(ui.ctx(), &cx, out);
        overlay::show(ui.ctx(), &cx, out);
        opening::drop_hint(ui.ctx(), &cx);
        layout
    }
}

/// The panels as tiles.
struct TilesOf<'a> {
    cx: &'a Cx<'a>,
    kept: &'a mut Panels,
    out: &'a mut Vec<Action>,
}

impl TilesOf<'_> {
    /// Draws a line above the pane of maps that keys and menus are about, where there are several.
    fn mark_active(&self, ui: &Ui, panel: PanelKind) {
        let panes = self.cx.state.panes();
        if panes.count() > 1 && panel == PanelKind::Map(panes.active().id) {
            let area = ui.max_rect().expand(12.0);
            let line = egui::Stroke::new(2.0, ui.visuals().hyperlink_color);
            ui.painter().hline(area.x_range(), area.top() + 1.0, line);
        }
    }
}

impl Behavior<PanelKind> for TilesOf<'_> {
    fn pane_ui(&mut self, ui: &mut Ui, _tile: TileId, panel: &mut PanelKind) -> UiResponse {
        let fill = ui.visuals().panel_fill;
        Frame::new().fill(fill).inner_margin(12).show(ui, |ui| {
            ui.expand_to_include_rect(ui.max_rect());
            self.mark_active(ui, *panel);
            match panel {
                PanelKind::Conversation => conversation::show(ui, self.cx, &mut self.kept.conversation, self.out),
                PanelKind::Map(id) => {
                    if let Some(pane) = self.cx.state.panes().get(*id) {
                        probe::show(ui, self.cx, pane, self.out);
                    }
                }
                PanelKind::Inspector => inspector::show(ui, self.cx, &mut self.kept.inspector, self.out),
                PanelKind::Evidence => evidence::show(ui, self.cx, self.out),
                PanelKind::Evaluation => evaluation::show(ui, self.cx, &mut self.kept.evaluation, self.out),
                PanelKind::Comparison => comparison::show(ui, self.cx, self.out),
            }
        });
        UiResponse::None
    }

    fn tab_title_for_pane(&mut self, panel: &PanelKind) -> egui::WidgetText {
        let texts = &self.cx.texts.program;
        match panel {
            PanelKind::Conversation => texts.panel_conversation,
            PanelKind::Map(id) => return probe::title(self.cx, *id).into(),
            PanelKind::Inspector => texts.panel_inspector,
            PanelKind::Evidence => self.cx.texts.evidence_panel.title,
            PanelKind::Evaluation => self.cx.texts.evaluation.title,
            PanelKind::Comparison => self.cx.texts.comparison.panel,
        }
        .into()
    }

    fn top_bar_right_ui(
        &mut self,
        tiles: &Tiles<PanelKind>,
        ui: &mut Ui,
        _tile: TileId,
        tabs: &Tabs,
        _scroll_offset: &mut f32,
    ) {
        let shown = tabs.active.as_ref().and_then(|tab| tiles.get_pane(tab));
        if let Some(PanelKind::Map(id)) = shown
            && let Some(pane) = self.cx.state.panes().get(*id)
        {
            ui.add_space(4.0);
            probe::bar(ui, self.cx, pane, self.out);
        }
    }

    fn is_tab_closable(&self, tiles: &Tiles<PanelKind>, tile: TileId) -> bool {
        tiles.get_pane(&tile) == Some(&PanelKind::Evaluation)
    }

    fn simplification_options(&self) -> SimplificationOptions {
        SimplificationOptions { all_panes_must_have_tabs: true, ..SimplificationOptions::default() }
    }

    fn gap_width(&self, _style: &egui::Style) -> f32 {
        3.0
    }
}

/// Takes in what does not belong to a widget: shortcuts, dropped files, pasted pictures.
pub fn collect_input(ctx: &Context, state: &AppState, out: &mut Vec<Action>) {
    let escape = |ctx: &Context| ctx.input_mut(|input| input.consume_key(egui::Modifiers::NONE, egui::Key::Escape));
    if state.overlay != Overlay::None {
        if escape(ctx) {
            out.push(ProgramAction::CloseOverlay.into());
        }
    } else if let Some(opening) = opening::current(state)
        && escape(ctx)
    {
        out.push(opening::give_up(opening).into());
    }
    collect_shortcuts(ctx, state, out);
    let (dropped, pasted) = ctx.input(|input| {
        let pasted = input.events.iter().find_map(|event| match event {
            Event::PasteImage(image) => Some(Arc::clone(image)),
            _ => None,
        });
        (input.raw.dropped_files.clone(), pasted)
    });
    let dropped: Vec<_> = dropped.iter().map(|file| file.path().to_path_buf()).collect();
    if !dropped.is_empty() {
        out.push(ProgramAction::Dropped(dropped).into());
    }
    if let Some(image) = pasted {
        out.push(ProgramAction::Pasted(image).into());
    }
    // In a text field it is the field's; that for questions takes paths as well.
    if !ctx.text_edit_focused() {
        collect_pasted_path(ctx, out);
    }
}

/// Takes in text that was pasted and may name a file.
fn collect_pasted_path(ctx: &Context, out: &mut Vec<Action>) {
    ctx.input_mut(|input| {
        input.events.retain(|event| {
            let Event::Paste(text) = event else { return true };
            let Some(path) = super::pasted::path(text) else { return true };
            out.push(ProgramAction::PastedPath(text.clone(), path).into());
            false
        });
    });
}

/// Takes in the commands whose keys were pressed. What cannot be done here and now leaves its keys to others.
fn collect_shortcuts(ctx: &Context, state: &AppState, out: &mut Vec<Action>) {
    let (typing, in_popup) = (ctx.text_edit_focused(), Popup::is_any_open(ctx));
    let panels_rest = state.overlay != Overlay::None || opening::current(state).is_some() || opening::is_needed(state);
    for (command, keys) in UiCommand::with_keys() {
        // In a text field, undoing is the field's, unless nothing was typed; and with Alt the cursor goes by words and
        // accents are typed.
        let of_text = keys.modifiers.alt
            || UiCommand::LOOKS.contains(&command)
            || command == UiCommand::Redo
            || (command == UiCommand::Undo
                && !(state.deeds.last().is_some() && conversation::is_empty_field(ctx, state)));
        // Escape closes what is in front first.
        let left_to_others = typing && of_text || in_popup && command == UiCommand::Stop;
        let sensible = command.enabled(state) && !(panels_rest && command.is_about_panels());
        if sensible && !left_to_others && ctx.input_mut(|input| input.consume_shortcut(&keys)) {
            out.push(command.into());
        }
    }
}
