//! The names `config.json` gives to vision encoders, and what they mean (docs/model.md §2.2).

use std::fmt;

/// The names that are understood, for messages.
pub const KNOWN: &str = "siglip/CLIP-ViT-SO400M-14[-384], timm/ViT-SO400M-14-SigLIP[-384], \
     openai/clip-vit-…, facebook/dinov2-{small,base,large,giant}, clip-convnext-{XXL,L}…, each with -res<N> or \
     -interp<N>; or a path with such a name in it";

/// No encoder looks at a larger picture.
const MAX_RES: usize = 8192;

/// Which implementation runs a tower.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EncoderFamily {
    /// SigLIP ViT, timm layout.
    Siglip,
    /// CLIP ViT, Hugging Face layout.
    Clip,
    /// DINOv2 ViT, Hugging Face layout.
    Dinov2,
    /// CLIP-trained ConvNeXt, timm layout.
    ConvNext,
}

impl EncoderFamily {
    /// The family of the encoder that config.json calls `name`; `None` if the name is not understood.
    pub fn of_name(name: &str) -> Option<Self> {
        parse(name).ok().map(|tower| tower.family)
    }

    /// The family in one word, as users write it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Siglip => "siglip",
            Self::Clip => "clip",
            Self::Dinov2 => "dinov2",
            Self::ConvNext => "convnext",
        }
    }
}

/// Where an encoder's name in config.json says that its weights are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EncoderOrigin {
    /// A repository of the hub: `organisation/name`.
    Repository(String),
    /// A folder on the machine the model was trained on, with `/` between its parts. Never opened as it stands: a file
    /// of a stranger does not choose what is read on this machine.
    Folder(String),
}

impl EncoderOrigin {
    /// The id of the repository, if it is one.
    pub fn repository(&self) -> Option<&str> {
        match self {
            Self::Repository(id) => Some(id),
            Self::Folder(_) => None,
        }
    }
}

impl fmt::Display for EncoderOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Repository(name) | Self::Folder(name)) = self;
        f.write_str(name)
    }
}

/// One vision encoder as config.json names it (docs/model.md §2.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncoderSpec {
    /// The name in `mm_vision_tower_aux_list`.
    pub name: String,
    /// Which implementation.
    pub family: EncoderFamily,
    /// Where its weights are.
    pub origin: EncoderOrigin,
    /// Tokens after interpolation; a square number.
    pub tokens: usize,
    /// Input side asked for by `-res<N>`.
    pub res: Option<usize>,
    /// ConvNeXt: features of all four stages instead of the last.
    pub multi_stage: bool,
}

impl EncoderSpec {
    /// Side of the token grid.
    pub fn side(&self) -> usize {
        self.tokens.isqrt()
    }
}

/// What a name says.
#[derive(Debug, PartialEq, Eq)]
pub struct EncoderName {
    /// Which implementation.
    pub family: EncoderFamily,
    /// Where its weights are.
    pub origin: EncoderOrigin,
    /// Input side asked for by `-res<N>`.
    pub res: Option<usize>,
    /// ConvNeXt: features of all four stages instead of the last.
    pub multi_stage: bool,
}

/// Beginnings of names that stand for one repository. The first that fits counts, so the longer ones come first.
const ALIASES: &[(&str, EncoderFamily, &str)] = &[
    ("siglip/CLIP-ViT-SO400M-14-384", EncoderFamily::Siglip, "timm/ViT-SO400M-14-SigLIP-384"),
    ("timm/ViT-SO400M-14-SigLIP-384", EncoderFamily::Siglip, "timm/ViT-SO400M-14-SigLIP-384"),
    ("siglip/CLIP-ViT-SO400M-14", EncoderFamily::Siglip, "timm/ViT-SO400M-14-SigLIP"),
    ("timm/ViT-SO400M-14-SigLIP", EncoderFamily::Siglip, "timm/ViT-SO400M-14-SigLIP"),
    ("clip-convnext-XXL", EncoderFamily::ConvNext, "laion/CLIP-convnext_xxlarge-laion2B-s34B-b82K-augreg-soup"),
    ("clip-convnext-L", EncoderFamily::ConvNext, "laion/CLIP-convnext_large_d_320.laion2B-s29B-b131K-ft-soup"),
];

/// Beginnings of names that are, up to the numbers at their end, the repository itself.
const REPOSITORIES: &[(&str, EncoderFamily)] =
    &[("openai/clip-vit-", EncoderFamily::Clip), ("facebook/dinov2-", EncoderFamily::Dinov2)];

/// The repositories DINOv2 comes in.
const DINOV2_SIZES: &[&str] = &["small", "base", "large", "giant"];

/// Parts of paths that tell the family, in the order in which the reference looks for them; the last is for folders that
/// are called like the repository without its organisation.
const MARKS: &[(&str, EncoderFamily)] = &[
    ("openai/clip", EncoderFamily::Clip),
    ("siglip", EncoderFamily::Siglip),
    ("convnext", EncoderFamily::ConvNext),
    ("dinov2", EncoderFamily::Dinov2),
    ("clip-vit", EncoderFamily::Clip),
];

/// Understands `name`, or says why not.
///
/// The token count of an `-interp<N>` is checked to be a number and otherwise ignored, as in the reference, which
/// appends another with the count of the token list.
pub fn parse(name: &str) -> Result<EncoderName, String> {
    let unknown = || format!("unknown vision encoder `{name}`");
    let alias = ALIASES.iter().find(|(prefix, ..)| name.starts_with(prefix));
    let known = REPOSITORIES.iter().find(|(prefix, _)| name.starts_with(prefix));
    if alias.is_none() && known.is_none() {
        return path(name).unwrap_or_else(|| Err(unknown()));
    }
    let mut plain = Vec::new();
    let mut res = None;
    for part in name.split('-') {
        match suffix(part) {
            Some(Suffix::Res(side)) => {
                res = Some(
                    side.ok_or_else(|| format!("`-{part}` in the encoder name `{name}` is no usable image size"))?,
                );
            }
            Some(Suffix::Interp(true)) => {}
            Some(Suffix::Interp(false)) => {
                return Err(format!("`-{part}` in the encoder name `{name}` is no token count"));
            }
            None => plain.push(part),
        }
    }
    if let Some(&(_, family, repo)) = alias {
        let origin = EncoderOrigin::Repository(repo.to_owned());
        return Ok(EncoderName { family, origin, res, multi_stage: name.contains("multi-stage") });
    }
    let repo = plain.join("-");
    match known.and_then(|&(prefix, family)| Some((family, repo.strip_prefix(prefix)?))) {
        Some((family, rest)) if is_repo_id(&repo) => {
            if family == EncoderFamily::Dinov2 && !DINOV2_SIZES.contains(&rest) {
                return Err(format!("unknown size of DINOv2 in the encoder name `{name}`"));
            }
            Ok(EncoderName { family, origin: EncoderOrigin::Repository(repo), res, multi_stage: false })
        }
        _ => Err(unknown()),
    }
}

/// Understands a name that is a path, or the repository of a fine-tuned encoder: the family is told by what its name
/// contains, as in the reference. `None` if it is neither.
fn path(name: &str) -> Option<Result<EncoderName, String>> {
    let name = name.replace('\\', "/");
    let lower = name.to_lowercase();
    let family = MARKS.iter().find(|(mark, _)| lower.contains(mark)).map(|&(_, family)| family)?;
    let (parent, last) = name.trim_end_matches('/').rsplit_once('/')?;
    if name.split('/').any(|part| part == "..") {
        return None;
    }
    // Only what is nothing but a number is one: `-research` is a part of a name here.
    let (mut plain, mut res) = (Vec::new(), None);
    for part in last.split('-') {
        match suffix(part) {
            Some(Suffix::Res(Some(side))) => res = Some(side),
            Some(Suffix::Interp(true)) => {}
            _ => plain.push(part),
        }
    }
    let place = format!("{parent}/{}", plain.join("-"));
    let origin = if is_repo_id(&place) { EncoderOrigin::Repository(place) } else { EncoderOrigin::Folder(place) };
    let multi_stage = family == EncoderFamily::ConvNext && last.contains("multi-stage");
    Some(Ok(EncoderName { family, origin, res, multi_stage }))
}

/// What a part of a name after a `-` says of the encoder's use.
enum Suffix {
    /// `res<N>`: the side of its input, if that is one.
    Res(Option<usize>),
    /// `interp<N>`, and whether N is a number.
    Interp(bool),
}

fn suffix(part: &str) -> Option<Suffix> {
    if let Some(number) = part.strip_prefix("res") {
        return Some(Suffix::Res(number.parse().ok().filter(|side| (1..=MAX_RES).contains(side))));
    }
    part.strip_prefix("interp").map(|number| Suffix::Interp(number.parse::<u32>().is_ok()))
}

/// Whether `text` is `organisation/name` of a repository and nothing more: it cannot lead out of a directory.
pub fn is_repo_id(text: &str) -> bool {
    let plain = |part: &str| {
        !part.is_empty()
            && part.len() <= 128
            && !part.starts_with('.')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
    };
    text.split_once('/').is_some_and(|(organisation, name)| plain(organisation) && plain(name))
}

/// Whether `name` is the name of a file and nothing more: no way out of its directory.
pub fn is_plain_name(name: &str) -> bool {
    !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\\', ':', '\0'])
}
