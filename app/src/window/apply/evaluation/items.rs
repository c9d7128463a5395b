//! The items behind the numbers: their pictures, and how they are asked in the conversation.

use crate::evaluation::{How, in_engine_words, others, parse_conditions, read_picture};
use crate::evidence::{Removal, Section};
use crate::window::action::{ConversationAction, EvidenceAction};
use crate::window::app::{App, Finished};
use crate::window::state::{
    ItemPicture, ItemToAsk, Known, MapSource, NoticeKind, OpenSet, Pick, PictureId, PictureSource, RunRef, Side,
    ViewChange,
};
use opabinia_engine::intervention::Interventions;
use opabinia_engine::vision::Picture;
use opabinia_engine::{Error, Result};
use opabinia_eval::data::{Item, PictureId as SetPicture};
use opabinia_eval::score::{MISSING_PREFIX, Protocol};
use std::sync::Arc;

impl App {
    /// Looks at the item called `idx`, and fetches its picture.
    pub(super) fn select_item(&mut self, idx: Option<String>) {
        let evaluation = &mut self.state.evaluation;
        evaluation.view.item.clone_from(&idx);
        let (Some(idx), Some(open)) = (idx, evaluation.set.ready()) else { return };
        let Some(item) = open.item(&idx) else { return };
        let (set, id, texts) = (Arc::clone(&open.set), item.picture, self.texts());
        self.state.evaluation.picture = Some((idx.clone(), Known::Coming));
        let failed = idx.clone();
        self.run_beside(
            "picture",
            move |error| Finished::ItemPicture(failed, Err(error)),
            move || {
                let picture = read_picture(&set, id).map_err(|error| texts.engine.error(&error));
                Finished::ItemPicture(idx, picture)
            },
        );
    }

    /// The picture of an item was read, or could not be.
    pub(in crate::window::apply) fn item_picture_read(
        &mut self,
        idx: &str,
        picture: std::result::Result<Arc<Picture>, String>,
    ) {
        if let Some((wanted, known)) = &mut self.state.evaluation.picture
            && wanted == idx
        {
            *known = picture.map_or_else(Known::Failed, Known::Ready);
        }
    }

    /// Asks the item called `idx` in the conversation, under the condition of `pick`.
    pub(super) fn open_item(&mut self, idx: &str, pick: &Pick) {
        let evaluation = &self.state.evaluation;
        let (Some(open), Some(run)) = (evaluation.set.ready(), evaluation.run_of(pick)) else { return };
        let Some(model) = self.state.models.current() else {
            return self.state.notices.add(NoticeKind::Warning, self.texts().evaluation.no_model);
        };
        let anatomy = model.inspection.config.anatomy();
        let Ok(protocol) = run.header.protocol.parse::<Protocol>() else { return };
        let (open, seed, texts) = (Arc::clone(open), run.header.seed, self.texts());
        let (idx, condition) = (idx.to_owned(), pick.condition.clone());
        self.run_beside(
            "item",
            |error| Finished::ItemToAsk(Err(error)),
            move || {
                let how = parse_conditions(&condition, &anatomy).map(|asked| asked.into_iter().next());
                let made = how.and_then(|asked| {
                    let item = open.item(&idx).ok_or_else(|| not_there(&idx));
                    let how = asked.map(|asked| asked.how).ok_or_else(|| not_there(&condition))?;
                    to_ask(&open, item?, &how, protocol, seed)
                });
                Finished::ItemToAsk(made.map(Box::new).map_err(|error| texts.engine.error(&error)))
            },
        );
    }

    /// An item is ready to be asked: in a conversation of its own, with what is done to it switched on in the active pane.
    pub(in crate::window::apply) fn ask_item(&mut self, item: std::result::Result<Box<ItemToAsk>, String>) {
        let item = match item {
            Ok(item) => *item,
            Err(why) => return self.state.notices.add(NoticeKind::Failure, why),
        };
        let ItemToAsk { question, picture, other, interventions } = item;
        self.apply_conversation(ConversationAction::New);
        match picture.map(|picture| self.attachable(picture)) {
            Some(id) => self.apply_conversation(ConversationAction::AttachPicture(id)),
            None => self.apply_conversation(ConversationAction::Detach),
        }
        self.apply_conversation(ConversationAction::SetDraft(question));
        self.apply_conversation(ConversationAction::Ask);
        self.state.layout.show(self.state.pane().id);
        if let Some(other) = other {
            // A pane has no second picture; the panel of evidence has.
            let other = self.attachable(other);
            self.apply_evidence(EvidenceAction::SetOther(Some(other)));
            self.apply_evidence(EvidenceAction::SetRemoval(Removal::Swap));
            self.apply_evidence(EvidenceAction::ShowSection(Section::Encoders));
            self.show_evidence();
            return self.look_under(Interventions::default());
        }
        self.state.evaluation.under = Some(interventions.clone()).filter(|on| !on.is_none());
        self.look_under(interventions);
    }

    /// Makes the active pane show the maps under `interventions`.
    fn look_under(&mut self, interventions: Interventions) {
        let source = MapSource::Run(RunRef { side: Side::Answering, interventions });
        self.change_view(&ViewChange::Source(source));
    }

    /// Asks the item once more under its condition as soon as its plain answer is there: a person has asked for that.
    pub(in crate::window) fn ask_item_under_its_condition(&mut self) {
        let Some(wanted) = &self.state.evaluation.under else { return };
        if self.state.pane().source.interventions() != Some(wanted) {
            self.state.evaluation.under = None;
        } else if self.state.answer_beside_maps().is_some() {
            self.state.evaluation.under = None;
            self.ask_under_interventions();
            self.make_maps();
        }
    }

    /// The picture as conversations know it.
    fn attachable(&mut self, picture: ItemPicture) -> PictureId {
        match picture {
            ItemPicture::File(path) => self.state.pictures.insert(PictureSource::File(path)),
            ItemPicture::Pixels(picture) => {
                let (id, name) = self.state.pictures.paste();
                self.keep_picture(id, &name, move || (*picture).clone());
                id
            }
        }
    }
}

fn not_there(name: &str) -> Error {
    Error::input(format!("the set that is open has no `{name}`"), "open the set that the run was made with")
}

/// `item` as it is asked.
fn to_ask(open: &OpenSet, item: &Item, how: &How, protocol: Protocol, seed: u64) -> Result<ItemToAsk> {
    let (items, _) = open.set.without("", |item| !protocol.fits(item));
    let picture = |id: SetPicture| match open.set.pictures.file(id) {
        Some(path) => {
            // A file that has changed is another picture than the one in the run.
            open.set.pictures.bytes(id).map_err(in_engine_words)?;
            Ok(ItemPicture::File(path.to_path_buf()))
        }
        None => read_picture(&open.set, id).map(ItemPicture::Pixels),
    };
    let other = || match others(&items, seed).get(&(item.picture, item.task.clone())) {
        Some(id) => picture(*id),
        None => Err(Error::input("the set has no other picture to show", "take more of the set")),
    };
    let question = protocol.prompt(item);
    let plain =
        |question, picture| ItemToAsk { question, picture, other: None, interventions: Interventions::default() };
    Ok(match how {
        How::AsIs => plain(question, Some(picture(item.picture)?)),
        How::NoImage => plain(question, None),
        How::Missing => plain(format!("{MISSING_PREFIX}{question}"), None),
        How::Shuffled => plain(question, Some(other()?)),
        How::Intervene(interventions) => ItemToAsk {
            question,
            picture: Some(picture(item.picture)?),
            other: interventions.needs_other().then(other).transpose()?,
            interventions: interventions.clone(),
        },
    })
}
