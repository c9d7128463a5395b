//! The window's loop: take in what was sent, draw, apply what was done.

use super::action::{Action, ViewAction};
use super::app::{App, Finished, Start};
use super::background::Background;
use super::caret::Caret;
use super::gpu::MapGpu;
use super::panels::{self, Panels};
use super::saver::Saver;
use super::state::{AppState, NoticeKind, Overlay, SCALES};
use super::theme;
use egui::{Context, Event, ViewportCommand};
use opabinia_engine::worker::{Engine, EventKind};
use std::time::{Duration, SystemTime};

/// For how long after a person moved the pointer or pressed a key a core is left to the frames that follow. Frames drawn
/// because a result came in do not count: they would slow down the work that makes the results.
const IN_HAND: Duration = Duration::from_millis(500);

/// Whether a person does something with pointer or keyboard.
fn is_by_hand(event: &Event) -> bool {
    matches!(
        event,
        Event::PointerMoved(_)
            | Event::PointerButton { .. }
            | Event::MouseWheel { .. }
            | Event::Zoom(_)
            | Event::Touch { .. }
            | Event::Key { .. }
            | Event::Text(_)
    )
}

impl App {
    /// A window in `ctx`. Without `render_state` there is no graphics device, and no maps are drawn.
    ///
    /// # Errors
    /// If the system gives no thread for the engine.
    pub fn new(
        ctx: &Context,
        render_state: Option<&egui_wgpu::RenderState>,
        start: Start,
    ) -> opabinia_engine::Result<Self> {
        let saver = Saver::open(start.data_dir.as_deref());
        Self::with_saver(ctx, render_state, start, saver)
    }

    /// The same, with what is kept in [`Start::data_dir`] opened already.
    pub(super) fn with_saver(
        ctx: &Context,
        render_state: Option<&egui_wgpu::RenderState>,
        start: Start,
        mut saver: Saver,
    ) -> opabinia_engine::Result<Self> {
        theme::install(ctx);
        let wake = ctx.clone();
        let engine = Engine::start(move || wake.request_repaint())?;
        let wake = ctx.clone();
        let background = Background::new(move || wake.request_repaint());
        let mut state = AppState::default();
        saver.restore(&mut state);
        ctx.set_zoom_factor(state.settings.scale);
        let gpu = render_state.and_then(|render_state| {
            let gpu = MapGpu::new(render_state);
            let said = state.settings.language.language().texts().engine.said;
            gpu.map_err(|error| state.notices.add(NoticeKind::Failure, said(&error.to_string()))).ok()
        });
        let on_processor =
            render_state.is_some_and(|state| state.adapter.get_info().device_type == wgpu::DeviceType::Cpu);
        let mut app = Self {
            state,
            engine,
            background,
            gpu,
            ctx: ctx.clone(),
            saver,
            dialogs: start.dialogs,
            welcoming: false,
            panels: Panels::default(),
            caret: Caret::new(ctx, on_processor),
            title: String::new(),
            fault_said: false,
        };
        app.begin(start);
        Ok(app)
    }

    /// Does what a person did: for tests and benchmarks.
    pub fn act(&mut self, action: impl Into<Action>) {
        self.changed();
        self.apply(action.into());
        self.ctx.request_repaint();
    }

    /// Takes in everything that was sent since the last frame.
    fn take_in(&mut self) {
        let events: Vec<_> = self.engine.events().try_iter().collect();
        if events.iter().any(|event| !matches!(event.kind, EventKind::Started | EventKind::Progress(_))) {
            self.changed();
        }
        for event in events {
            self.apply_event(event);
        }
        let finished: Vec<_> = self.background.results().collect();
        for finished in finished {
            self.apply_finished(finished);
        }
        self.update_download_rate();
        self.update_evaluation();
        self.ask_item_under_its_condition();
        self.make_inputs();
        self.request_missing_answers();
        self.request_missing_traces();
        self.request_missing_attention();
        if let Some(wait) = self.state.notices.expire(SystemTime::now()) {
            self.ctx.request_repaint_after(wait);
        }
        self.watch_graphics();
        self.save_if_due();
        self.saver.report(&mut self.state);
    }

    /// Says in the window's title which model is open.
    fn entitle(&mut self) {
        let model = self.state.name_of(self.state.models.answering());
        let title = model.map_or_else(|| "Opabinia".to_owned(), |name| format!("{name} – Opabinia"));
        if title != self.title {
            self.ctx.send_viewport_cmd(ViewportCommand::Title(title.clone()));
            self.title = title;
        }
    }

    /// Notices what went wrong on the graphics device. If it is gone, saves, lets go of everything on it, and says so.
    fn watch_graphics(&mut self) {
        let Some(gpu) = &self.gpu else { return };
        let (Some(fault), lost) = (gpu.fault(), gpu.is_lost()) else { return };
        let fault = (self.texts().engine.said)(&fault);
        if !lost {
            if !std::mem::replace(&mut self.fault_said, true) {
                self.state
                    .notices
                    .add(NoticeKind::Failure, format!("{}: {fault}", self.texts().program.graphics_fault));
            }
            return;
        }
        self.gpu = None;
        self.save_soon();
        let text = format!("{}: {fault}", self.texts().program.graphics_lost);
        // Where nothing can be drawn any more, whoever started the program from a terminal still sees it.
        tracing::error!("{text}");
        self.state.graphics_lost = Some(text.clone());
        self.state.notices.add(NoticeKind::Failure, text);
        self.state.overlay = Overlay::GraphicsLost;
    }
}

impl eframe::App for App {
    fn logic(&mut self, _ctx: &Context, _frame: &mut eframe::Frame) {
        self.take_in();
    }

    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        self.ctx.set_theme(self.state.settings.theme.preference());
        if ui.input(|input| input.events.iter().any(is_by_hand)) {
            self.engine.leave_a_core(IN_HAND);
        }
        self.caret.update(ui.ctx());
        let mut actions: Vec<Action> = Vec::new();
        let texts = self.texts();
        panels::collect_input(ui.ctx(), &self.state, &mut actions);
        let layout = self.panels.show(ui, &self.state, texts, self.gpu.as_ref(), &mut actions);
        if let Some(layout) = layout {
            self.state.layout = layout;
            self.changed();
        }
        // The keyboard changes it without asking anybody.
        if ui.ctx().zoom_factor() != self.state.settings.scale {
            self.state.settings.scale = ui.ctx().zoom_factor().clamp(*SCALES.start(), *SCALES.end());
            ui.ctx().set_zoom_factor(self.state.settings.scale);
            self.changed();
        }
        if !actions.is_empty() {
            // What was done shows in the next frame.
            self.ctx.request_repaint();
        }
        for action in actions {
            // Where the pointer is, is not kept.
            if !matches!(action, Action::View(ViewAction::Hover(_))) {
                self.changed();
            }
            self.apply(action);
        }
        self.state.layout.show_exactly(self.state.view.panes());
        self.entitle();
    }

    fn on_exit(&mut self) {
        self.state.conversations.stop_open_answers();
        if let Err(why) = self.save_now() {
            tracing::error!("the session could not be saved: {why}");
        }
        // Nobody looks at the window any more.
        for finished in self.background.results() {
            if let Finished::Notice(NoticeKind::Failure, text) | Finished::Pasted(_, _, Some(text)) = finished {
                tracing::error!("{text}");
            }
        }
    }
}
