//! The standard list of interventions: everything that a checkpoint and an image allow, under fixed names.

use crate::intervention::{Action, Anatomy, Cells, Interventions, Place};

/// The head that the standard list silences in each layer.
const HEAD: usize = 3;

/// An intervention of the standard list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Its name in files.
    pub name: String,
    /// What it does.
    pub interventions: Interventions,
}

/// The standard list for a checkpoint with `anatomy`: what takes an encoder away in each of the known ways, what takes a
/// region away, and each layer and one of its heads. With `has_other`, also what needs another image; with a `region`,
/// also what needs cells. What would leave a layer without any key is not in it.
pub fn standard(anatomy: &Anatomy, has_other: bool, region: Option<&Cells>) -> Vec<Named> {
    let encoders = 0..anatomy.encoders().len();
    let samplers = anatomy.layers().any(|layer| Place::Samplers.contains(layer));
    let mut list = Vec::new();
    let mut add = |name: String, interventions: Interventions| {
        if interventions.check(anatomy).is_ok() {
            list.push(Named { name, interventions });
        }
    };
    let every = |action: &dyn Fn(usize) -> Action| {
        let each = encoders.clone().map(|k| Interventions::of(action(k)));
        each.fold(Interventions::default(), |all, one| all.and(&one))
    };
    for encoder in encoders.clone() {
        let k = encoder;
        add(format!("mask{k}"), Interventions::mask(k, false));
        add(format!("mask{k}.connector"), Interventions::at(Action::Mask { encoder }, Place::Connector));
        if samplers {
            add(format!("mask{k}.samplers"), Interventions::at(Action::Mask { encoder }, Place::Samplers));
        }
        add(format!("mask_context{k}"), Interventions::mask(k, true));
        add(format!("zero{k}"), Interventions::of(Action::Zero { encoder }));
        add(format!("zero_raw{k}"), Interventions::of(Action::ZeroRaw { encoder }));
        add(format!("mean{k}"), Interventions::of(Action::Mean { encoder }));
        if has_other {
            add(format!("swap{k}"), Interventions::of(Action::Swap { encoder }));
        }
        if let Some(cells) = region {
            add(format!("region{k}"), Interventions::region([k], cells));
        }
    }
    add("context".into(), Interventions::of(Action::Context));
    if let Some(cells) = region {
        add("region".into(), Interventions::region(encoders.clone(), cells));
    }
    if has_other {
        add("swap".into(), every(&|encoder| Action::Swap { encoder }));
    }
    add("mean".into(), every(&|encoder| Action::Mean { encoder }));
    for layer in anatomy.layers() {
        add(format!("skip.{layer}"), Interventions::at(Action::Skip, Place::Layer(layer)));
        add(format!("head{HEAD}.{layer}"), Interventions::at(Action::Head { head: HEAD }, Place::Layer(layer)));
    }
    list
}
