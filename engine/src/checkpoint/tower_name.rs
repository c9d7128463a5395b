//! The names `config.json` gives to vision encoders, and what they mean (spec §2.2).

use super::config::TowerFamily;
use super::hub::is_repo_id;

/// The names that are understood, for messages.
pub(super) const KNOWN: &str = "siglip/CLIP-ViT-SO400M-14[-384], timm/ViT-SO400M-14-SigLIP[-384], \
     openai/clip-vit-…, facebook/dinov2-{small,base,large,giant}, clip-convnext-{XXL,L}…, each with -res<N> or -interp<N>";

/// No encoder looks at a larger picture.
const MAX_RES: usize = 8192;

/// What a name says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TowerName {
    pub(super) family: TowerFamily,
    pub(super) repo: String,
    pub(super) res: Option<usize>,
    pub(super) multi_stage: bool,
}

/// Beginnings of names that stand for one repository. The first that fits counts, so the longer ones come first.
const ALIASES: &[(&str, TowerFamily, &str)] = &[
    ("siglip/CLIP-ViT-SO400M-14-384", TowerFamily::Siglip, "timm/ViT-SO400M-14-SigLIP-384"),
    ("timm/ViT-SO400M-14-SigLIP-384", TowerFamily::Siglip, "timm/ViT-SO400M-14-SigLIP-384"),
    ("siglip/CLIP-ViT-SO400M-14", TowerFamily::Siglip, "timm/ViT-SO400M-14-SigLIP"),
    ("timm/ViT-SO400M-14-SigLIP", TowerFamily::Siglip, "timm/ViT-SO400M-14-SigLIP"),
    ("clip-convnext-XXL", TowerFamily::ConvNext, "laion/CLIP-convnext_xxlarge-laion2B-s34B-b82K-augreg-soup"),
    ("clip-convnext-L", TowerFamily::ConvNext, "laion/CLIP-convnext_large_d_320.laion2B-s29B-b131K-ft-soup"),
];

/// Beginnings of names that are, up to the numbers at their end, the repository itself.
const REPOSITORIES: &[(&str, TowerFamily)] =
    &[("openai/clip-vit-", TowerFamily::Clip), ("facebook/dinov2-", TowerFamily::Dinov2)];

/// The repositories DINOv2 comes in.
const DINOV2_SIZES: &[&str] = &["small", "base", "large", "giant"];

/// Understands `name`, or says why not.
///
/// The token count of an `-interp<N>` is checked to be a number and otherwise ignored, as in the reference, which
/// appends another with the count of the token list.
pub(super) fn parse(name: &str) -> Result<TowerName, String> {
    let mut plain = Vec::new();
    let mut res = None;
    for part in name.split('-') {
        if let Some(number) = part.strip_prefix("res") {
            let side = number.parse().ok().filter(|side| (1..=MAX_RES).contains(side));
            res = Some(side.ok_or_else(|| format!("`-{part}` in the encoder name `{name}` is no usable image size"))?);
        } else if let Some(number) = part.strip_prefix("interp") {
            number.parse::<u32>().map_err(|_| format!("`-{part}` in the encoder name `{name}` is no token count"))?;
        } else {
            plain.push(part);
        }
    }
    let multi_stage = name.contains("multi-stage");
    let alias = ALIASES.iter().find(|(prefix, ..)| name.starts_with(prefix));
    if let Some(&(_, family, repo)) = alias {
        return Ok(TowerName { family, repo: repo.to_owned(), res, multi_stage });
    }
    let repo = plain.join("-");
    let known = REPOSITORIES.iter().find_map(|(prefix, family)| Some((family, repo.strip_prefix(prefix)?)));
    match known {
        Some((&family, rest)) if is_repo_id(&repo) => {
            if family == TowerFamily::Dinov2 && !DINOV2_SIZES.contains(&rest) {
                return Err(format!("unknown size of DINOv2 in the encoder name `{name}`"));
            }
            Ok(TowerName { family, repo, res, multi_stage: false })
        }
        _ => Err(format!("unknown vision encoder `{name}`")),
    }
}
