//! What tokens attended to: asked for and put on the GPU while the maps' source is a token, and only then.

use crate::window::app::{App, Finished};
use crate::window::gpu::GridOnGpu;
use crate::window::state::{
    Attended, AttentionKey, GridKey, GridUpload, MapSource, NoticeKind, PictureState, Purpose, chosen,
};
use opabinia_engine::probe::TokenAttention;
use opabinia_engine::worker::{Command, JobId, Prompt, Record, RunSpec};
use opabinia_shaders::GridData;
use std::sync::Arc;

impl App {
    /// Sees to it that what the view shows of a token's attention is asked for, uploaded, and nothing else is.
    pub(in crate::window) fn keep_attention_up(&mut self) {
        let source = self.state.view.now().source;
        let wanted = self.state.attention_key().filter(|_| source != MapSource::Sva);
        self.cancel_attending_to_others(wanted);
        let (Some(key), MapSource::Token { layer, head }) = (wanted, source) else { return };
        match self.state.attentions.get(key) {
            None => self.ask_for_attention(key),
            Some(Attended::Ready(attention)) => {
                let attention = Arc::clone(attention);
                let key = GridKey { attention: key, layer, head };
                if self.state.attentions.grid().is_none_or(|(known, _)| *known != key) {
                    self.upload_attention(key, &attention);
                }
            }
            Some(Attended::Asked | Attended::Failed(_)) => {}
        }
    }

    fn cancel_attending_to_others(&mut self, wanted: Option<AttentionKey>) {
        let superseded: Vec<JobId> = (self.state.jobs.iter())
            .filter(|(_, running)| !running.cancelling)
            .filter(|(_, running)| matches!(running.purpose, Purpose::Attend(key) if Some(key) != wanted))
            .map(|(job, _)| job)
            .collect();
        for job in superseded {
            if let Some(key) = self.attended_by(job) {
                self.state.attentions.forget(key);
            }
            self.cancel(job);
        }
    }

    /// What `job` is to find out, if it is about a token's attention.
    fn attended_by(&self, job: JobId) -> Option<AttentionKey> {
        match self.state.jobs.get(job)?.purpose {
            Purpose::Attend(key) => Some(key),
            _ => None,
        }
    }

    /// A person stops `job`: if it is about a token's attention, that is not asked for again before they say so.
    pub(super) fn stop_attending(&mut self, job: JobId) {
        if let Some(key) = self.attended_by(job) {
            let stopped = self.texts().conversation.stopped;
            self.state.attentions.set(key, Attended::Failed(stopped.to_owned()));
        }
    }

    fn ask_for_attention(&mut self, key: AttentionKey) {
        let (_, place) = key;
        let texts = &self.texts().inspector;
        let slot = self.state.models.answering();
        let Some(model) = self.state.models.loaded(slot) else { return };
        let Some(conversation) = self.state.conversations.get(place.conversation) else { return };
        let Some(exchange) = conversation.exchanges.get(place.exchange) else { return };
        let Some(before) = exchange.tokens.get(..place.token).filter(|_| place.token < exchange.tokens.len()) else {
            return;
        };
        let refuse = |app: &mut Self, why: &str| app.state.attentions.set(key, Attended::Failed(why.to_owned()));
        if !model.answered(exchange) {
            return refuse(self, texts.other_model);
        }
        let Some(picture) = exchange.picture else { return refuse(self, texts.no_picture) };
        let pixels = match self.state.pictures.get(picture).map(|entry| &entry.state) {
            Some(PictureState::Ready(pixels)) => Arc::clone(pixels),
            Some(PictureState::Failed(error)) => {
                let error = error.clone();
                return refuse(self, &error);
            }
            // Asked for again in the frame after it was read.
            Some(PictureState::Unread | PictureState::Reading) => return self.read_picture(picture),
            None => return refuse(self, self.texts().conversation.picture_gone),
        };
        let system = Some(exchange.system.clone()).filter(|text| !text.trim().is_empty());
        let prompt = Prompt { system, turns: conversation.turns(place.exchange) };
        let spec = RunSpec {
            image: Some(pixels),
            forced_prefix: before.iter().map(|token| token.id).collect(),
            record: Record::TokenAttention,
            ..RunSpec::new(model.id, prompt)
        };
        let job = self.engine.submit(Command::Run(Box::new(spec)));
        self.state.jobs.begin(job, Purpose::Attend(key));
        self.state.attentions.set(key, Attended::Asked);
    }

    /// Asks once more for what could not be known or drawn.
    pub(super) fn attend_again(&mut self) {
        if let Some(key) = self.state.attention_key() {
            self.state.attentions.forget(key);
            self.state.attentions.lose_uploads();
        }
    }

    fn upload_attention(&mut self, key: GridKey, attention: &Arc<TokenAttention>) {
        let (_, place) = key.attention;
        let Some(gpu) = self.gpu.clone() else { return };
        let picture = self.state.conversations.exchange(place).and_then(|exchange| exchange.picture);
        let Some(picture) = picture.and_then(|id| self.state.pictures.ready(id)).map(Arc::clone) else { return };
        let attention = Arc::clone(attention);
        self.state.attentions.set_grid(key, GridUpload::Uploading);
        let upload = move || -> Result<GridOnGpu, String> {
            let (values, _) = chosen(&attention, key.layer, key.head)
                .ok_or_else(|| "there is no such layer or head in the language model".to_owned())?;
            let number = |count: usize| u32::try_from(count).map_err(|error| error.to_string());
            let frame = &attention.frame;
            let (rows, columns) = frame.size_hw();
            let grid = GridData {
                label: "token".to_owned(),
                side: number(frame.side)?,
                origin_row: number(frame.rows.start)?,
                origin_col: number(frame.columns.start)?,
                rows: number(rows)?,
                cols: number(columns)?,
                values: &values,
                image_width: number(picture.width)?,
                image_height: number(picture.height)?,
            };
            gpu.upload_grid(&grid, &picture)
        };
        self.run_beside(
            "token upload",
            move |error| Finished::Grid(key, Err(error)),
            move || Finished::Grid(key, upload()),
        );
    }

    /// The upload of `key` has ended.
    pub(super) fn grid_uploaded(&mut self, key: GridKey, uploaded: Result<GridOnGpu, String>) {
        // Another layer, head or token may have been chosen since.
        if self.state.attentions.grid().is_none_or(|(known, _)| *known != key) {
            return;
        }
        let upload = match uploaded {
            Ok(on_gpu) => GridUpload::Ready(Arc::new(on_gpu)),
            Err(error) => {
                self.state.notices.add(NoticeKind::Failure, error.clone());
                GridUpload::Failed(error)
            }
        };
        self.state.attentions.set_grid(key, upload);
    }
}
