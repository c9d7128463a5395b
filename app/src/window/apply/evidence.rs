//! What answers rest on: asked for in the batch lane, so that a question goes first; taken in piece by piece; written to files.

use crate::evidence::chain::follow;
use crate::evidence::checks::{SHUFFLES, Shuffled};
use crate::evidence::curves::curves_of;
use crate::evidence::export::{self, EvidenceFile};
use crate::evidence::measured::Measured;
use crate::evidence::{DecoderChoice, Findings, Section, plan};
use crate::figure::Theme;
use crate::window::action::EvidenceAction;
use crate::window::app::{App, Finished};
use crate::window::state::{
    AnswerStatus, EvidenceKey, EvidencePart, Exchange, Model, NoticeKind, PartState, PathFor, PictureState, Purpose,
    sentences,
};
use opabinia_engine::intervention::{Anatomy, Cells, Interventions};
use opabinia_engine::probe::Chain;
use opabinia_engine::probe::evidence::{Also, CellOrder, Faithfulness, Finding, GameKind, RANDOM_ORDERS, Request};
use opabinia_engine::run::Lane;
use opabinia_engine::sva::PictureSize;
use opabinia_engine::vision::Picture;
use opabinia_engine::worker::{Command, EvidenceSpec, JobId};
use std::path::PathBuf;
use std::sync::Arc;

impl App {
    pub(super) fn apply_evidence(&mut self, action: EvidenceAction) {
        let view = &mut self.state.evidence.view;
        match action {
            EvidenceAction::Measure(part) => self.measure(part),
            EvidenceAction::Stop => self.stop_measuring(),
            EvidenceAction::Recall => self.recall_shown(),
            EvidenceAction::ShowSection(section) => view.section = section,
            EvidenceAction::OfToken(of_token) => view.of_token = of_token,
            EvidenceAction::SetRemoval(removal) => view.removal = removal,
            EvidenceAction::SetDecoder(decoder) => view.decoder = decoder,
            EvidenceAction::Follow(token) => self.follow(token),
            EvidenceAction::ShowShared(shared) => view.shared = shared,
            EvidenceAction::SetTarget(target) => view.target = target,
            EvidenceAction::ColourWords(words) => view.words = words,
            EvidenceAction::SetOther(other) => {
                self.state.evidence.set_other(other);
                if let Some(other) = other {
                    self.read_picture(other);
                }
            }
            EvidenceAction::TypeRegion(text) => (view.region_text, view.region_problem) = (text, None),
            EvidenceAction::UseRegion => self.use_typed_region(),
            EvidenceAction::Brushed(cells) => {
                if view.section == Section::Cells && self.state.layout.shows_evidence() {
                    self.set_region(Some(cells));
                }
            }
            EvidenceAction::SetRegion(cells) => self.set_region(cells),
            EvidenceAction::Export(kind) => self.pick_evidence_file(kind),
            EvidenceAction::ExportTo(kind, path) => self.export_evidence(kind, path),
        }
    }

    /// What is typed becomes the region, if it is one.
    fn use_typed_region(&mut self) {
        let side = self.state.models.current().map_or(1, |model| model.inspection.config.anatomy().side());
        match Cells::parse(&self.state.evidence.view.region_text, side) {
            Ok(cells) => self.set_region(Some(cells)),
            Err(unusable) => {
                let problem = self.texts().engine.error(&unusable.into());
                self.state.evidence.view.region_problem = Some(sentences(&problem));
            }
        }
    }

    /// Takes other cells for the region, and measures them.
    fn set_region(&mut self, cells: Option<Cells>) {
        let view = &mut self.state.evidence.view;
        view.region_problem = None;
        if let Some((rows, columns)) = cells.as_ref().and_then(|cells| match cells.rectangles().as_slice() {
            [one] => Some(one.clone()),
            _ => None,
        }) {
            view.region_text = format!("{}:{},{}:{}", rows.start, rows.end, columns.start, columns.end);
        }
        view.region = cells.filter(|cells| !cells.is_empty());
        let region = self.state.jobs.find(|purpose| matches!(purpose, Purpose::Evidence(_, EvidencePart::Region)));
        if let Some((job, _)) = region {
            self.cancel(job);
        }
        if let Ok((key, _)) = self.state.evidence_about()
            && let Some(known) = self.state.evidence.get_mut(key)
        {
            known.set_part(EvidencePart::Region, None);
        }
        if self.state.evidence.view.region.is_some() {
            self.measure(EvidencePart::Region);
        }
    }

    /// Asks for what is not known of `part`, about the answer that is shown.
    fn measure(&mut self, part: EvidencePart) {
        let Ok((key, exchange)) = self.state.evidence_about() else { return };
        let exchange = exchange.clone();
        self.measure_of(key, &exchange, part);
    }

    /// Asks for what is not known of each encoder of both answers that are shown side by side.
    pub(super) fn measure_both(&mut self) {
        let both = self.state.evidence_of_both().map(|known| known.map(|(key, exchange)| (key, exchange.clone())));
        for (key, exchange) in both.into_iter().flatten() {
            self.measure_of(key, &exchange, EvidencePart::Encoders);
        }
    }

    /// Asks for what is not known of `part`, about the answer `exchange` that `key` names.
    pub(super) fn measure_of(&mut self, key: EvidenceKey, exchange: &Exchange, part: EvidencePart) {
        // Nothing is measured that was measured before the program was started.
        if !self.recall(key, exchange) {
            if let Some(known) = self.state.evidence.get_mut(key) {
                known.wait_with(part);
            }
            return;
        }
        let Some(model) = self.state.models.named(key.0) else { return };
        let anatomy = model.inspection.config.anatomy();
        let picture = match self.pixels_of(exchange.picture) {
            Ok(Some(picture)) => picture,
            // Asked for again once it was read.
            Ok(None) => return,
            Err(why) => {
                let entry = self.state.evidence.entry(key, exchange);
                return entry.set_part(part, Some(PartState::Failed(why)));
            }
        };
        let other = match self.pixels_of(self.state.evidence.view.other) {
            Ok(None) if self.state.evidence.view.other.is_some() => return,
            Ok(other) => other,
            Err(_) => None,
        };
        let also = self.wanted(key, part, &anatomy, &picture, other.is_some());
        let entry = self.state.evidence.entry(key, exchange);
        if entry.part(part) == Some(&PartState::Asked) {
            return;
        }
        if also.is_empty() {
            return entry.set_part(part, Some(PartState::Done));
        }
        entry.set_part(part, Some(PartState::Asked));
        let Some(conversation) = self.state.conversations.get(key.1) else { return };
        let request = Request {
            system: Some(exchange.system.clone()).filter(|text| !text.trim().is_empty()),
            turns: conversation.turns(key.2),
            picture,
            other,
            answer: Some(exchange.tokens.iter().map(|token| token.id).collect()),
            max_tokens: None,
            with: Vec::new(),
            standard: false,
            region: None,
            also,
        };
        let spec = EvidenceSpec { model: key.0, request, output: None, lane: Lane::Batch };
        let job = self.engine.submit(Command::Evidence(Box::new(spec)));
        self.state.jobs.begin(job, Purpose::Evidence(key, part));
    }

    /// What of `part` is not known yet.
    fn wanted(
        &self,
        key: EvidenceKey,
        part: EvidencePart,
        anatomy: &Anatomy,
        picture: &Picture,
        has_other: bool,
    ) -> Also {
        let exchange = self.state.conversations.get(key.1).and_then(|known| known.exchanges.get(key.2));
        let known = exchange.and_then(|exchange| self.state.evidence.get(key, exchange)?.findings());
        let unknown = |one: &Interventions| known.is_none_or(|known| known.effect(one).is_none());
        let missing = |list: Vec<Interventions>| list.into_iter().filter(|one| unknown(one)).collect::<Vec<_>>();
        let means = known.is_none_or(|known| known.evidence().means.is_none());
        let mut also = Also { means, ..Also::default() };
        let size = PictureSize { width: picture.width, height: picture.height };
        match part {
            EvidencePart::Encoders => {
                also.scored = missing(plan::encoders(anatomy, has_other));
                let played = |kind: &GameKind| known.is_some_and(|known| known.evidence().game(*kind).is_some());
                also.games = plan::games(anatomy, has_other).into_iter().filter(|kind| !played(kind)).collect();
            }
            EvidencePart::Gradient(of) => {
                let gradient = known.is_none_or(|known| known.evidence().gradient(of).is_none());
                also.gradients = gradient.then_some(of).into_iter().collect();
            }
            EvidencePart::Layers => also.scored = missing(plan::layers(anatomy)),
            EvidencePart::Cells(target) => {
                let blocks = plan::blocks(anatomy.side(), size).into_iter();
                also.scored = missing(blocks.map(|block| plan::block(anatomy, target, block)).collect());
            }
            EvidencePart::Curves(target, of) => {
                let of = curves_of(target, of, anatomy.side(), size);
                let mut wanted = Faithfulness { of, orders: CellOrder::all(RANDOM_ORDERS, true) };
                if let Some(known) = known {
                    wanted.orders = known.missing_curves(&wanted);
                }
                also.curves.extend((!wanted.orders.is_empty()).then_some(wanted));
            }
            EvidencePart::Chain(token) => {
                let read = known.is_some_and(|known| known.evidence().reading(token).is_some());
                also.readings.extend((!read).then_some(token));
            }
            EvidencePart::Features => also.features = known.is_none_or(|known| known.evidence().features.is_none()),
            EvidencePart::Checks => {
                let seen = |one: &Interventions| known.is_some_and(|known| known.evidence().seen_under(one).is_some());
                also.seen_under = Shuffled::Weights.several(SHUFFLES);
                also.seen_under.retain(|one| !seen(one));
                also.scored = missing(Shuffled::Attention.several(SHUFFLES));
            }
            EvidencePart::Lens => also.lens = known.is_none_or(|known| known.evidence().lens.is_none()),
            EvidencePart::Region => {
                let region = self.state.evidence.view.region.as_ref();
                also.scored = missing(region.map(|cells| plan::regions(anatomy, cells)).unwrap_or_default());
            }
        }
        // The means alone are no reason to run.
        if (Also { means: false, ..also.clone() }).is_empty() {
            return Also::default();
        }
        also
    }

    /// The pixels of a picture; `None` while they are being read, or where there is no picture.
    pub(super) fn pixels_of(
        &mut self,
        picture: Option<crate::window::state::PictureId>,
    ) -> Result<Option<Arc<Picture>>, String> {
        let Some(picture) = picture else { return Ok(None) };
        match self.state.pictures.get(picture).map(|entry| &entry.state) {
            Some(PictureState::Ready(pixels)) => Ok(Some(Arc::clone(pixels))),
            Some(PictureState::Failed(error)) => Err(error.clone()),
            Some(PictureState::Unread | PictureState::Reading) => {
                self.read_picture(picture);
                Ok(None)
            }
            None => Err(self.texts().conversation.picture_gone.to_owned()),
        }
    }

    /// Stops whatever is being measured about the answer that is shown. What was found stays.
    fn stop_measuring(&mut self) {
        let Ok((key, _)) = self.state.evidence_about() else { return };
        let of_it = |purpose: &Purpose| matches!(purpose, Purpose::Evidence(known, _) if *known == key);
        let jobs: Vec<JobId> =
            self.state.jobs.iter().filter(|(_, running)| of_it(&running.purpose)).map(|(job, _)| job).collect();
        for job in jobs {
            self.cancel(job);
        }
    }

    /// Something was measured for `job`.
    pub(super) fn receive_finding(&mut self, job: JobId, finding: Finding) {
        let Some(Purpose::Evidence(key, _)) = self.state.jobs.get(job).map(|running| running.purpose.clone()) else {
            return;
        };
        if let Some(known) = self.state.evidence.get_mut(key) {
            known.add(finding);
        }
    }

    /// A measurement has ended.
    pub(super) fn measured(&mut self, (key, part): (EvidenceKey, EvidencePart), ended: PartState) {
        if let Some(known) = self.state.evidence.get_mut(key)
            && known.part(part) == Some(&PartState::Asked)
        {
            known.set_part(part, Some(ended));
            self.keep_evidence(key);
        }
    }

    /// A measurement was stopped, or failed.
    pub(super) fn measuring_ended_early(&mut self, of: (EvidenceKey, EvidencePart), status: AnswerStatus) {
        let ended = match status {
            AnswerStatus::Failed(why) => PartState::Failed(why),
            _ => PartState::Stopped,
        };
        self.measured(of, ended);
    }

    /// Follows the chain of a token beside the window.
    fn follow(&mut self, token: usize) {
        let choice = self.state.evidence.view.decoder;
        let Ok((key, _)) = self.state.evidence_about() else { return };
        let Some(known) = self.state.evidence.get_mut(key).filter(|known| !known.follows(token, choice)) else {
            return;
        };
        let Some(evidence) = known.findings().map(Findings::evidence) else { return };
        let (Some(reading), Some(trace)) = (evidence.reading(token).cloned(), evidence.trace.clone()) else { return };
        let patches = evidence.patches.clone();
        known.set_chain(token, choice, None);
        let task =
            move || Finished::Followed(key, token, choice, follow(&reading, &trace, &patches, choice).map(Arc::new));
        self.run_beside("chain", move |_| Finished::Followed(key, token, choice, None), task);
    }

    /// A chain was followed.
    pub(in crate::window) fn followed(
        &mut self,
        key: EvidenceKey,
        (token, choice): (usize, DecoderChoice),
        chain: Option<Arc<Chain>>,
    ) {
        if let Some(known) = self.state.evidence.get_mut(key) {
            known.set_chain(token, choice, chain);
        }
    }

    /// What a file of evidence is called unless a person says otherwise.
    pub(super) fn evidence_name(&self, kind: EvidenceFile) -> String {
        format!("{}-evidence.{}", self.export_stem(), kind.extension())
    }

    /// Asks for the name of a file.
    fn pick_evidence_file(&mut self, kind: EvidenceFile) {
        let title = self.texts().evidence_panel.export_title(kind);
        let name = self.evidence_name(kind);
        self.ask_for_path(PathFor::Evidence(kind), move || {
            let extension = kind.extension();
            rfd::FileDialog::new().set_title(title).add_filter(title, &[extension]).set_file_name(name).save_file()
        });
    }

    /// Writes what is known about the answer that is shown to `path`, beside the window; a notice says how that went.
    pub(super) fn export_evidence(&mut self, kind: EvidenceFile, path: PathBuf) {
        let Some(measured) = self.evidence_export() else {
            return self.state.notices.add(NoticeKind::Warning, self.texts().evidence_panel.nothing_to_export);
        };
        let texts = self.texts();
        let lacks = kind == EvidenceFile::Tensors && measured.findings.evidence().lacks_tensors();
        let task = move || match export::write(&measured, kind, &path) {
            Ok(()) => {
                let more = if lacks { format!("\n{}", texts.evidence_further.without_tensors) } else { String::new() };
                let text = format!("{} {}{more}", texts.inspector.written, path.display());
                Finished::Notice(NoticeKind::Info, text)
            }
            Err(error) => Finished::Notice(NoticeKind::Failure, texts.engine.error(&error)),
        };
        self.write_beside("evidence", |error| Finished::Notice(NoticeKind::Failure, error), task);
    }

    fn evidence_export(&self) -> Option<Measured> {
        let (key, exchange) = self.state.evidence_about().ok()?;
        let findings = self.state.evidence.get(key, exchange)?.findings()?.clone();
        let entry = self.state.pictures.get(exchange.picture?);
        let swapped = findings.evidence().other.is_some();
        let other = self.state.evidence.view.other.filter(|_| swapped);
        Some(Measured {
            findings,
            shown: self.state.evidence_figure(),
            model: self.state.models.current().map(Model::name)?,
            image: entry.map(|entry| entry.source.name()).unwrap_or_default(),
            picture: Arc::clone(self.state.pictures.ready(exchange.picture?)?),
            other: other.and_then(|other| self.state.pictures.ready(other)).map(Arc::clone),
            turns: self.state.conversations.get(key.1)?.turns(key.2),
            theme: if self.ctx.theme() == egui::Theme::Dark { Theme::Dark } else { Theme::Light },
        })
    }

    /// Shows the panel of evidence, wherever it is.
    pub(super) fn show_evidence(&mut self) {
        self.state.layout.show_evidence();
    }
}
