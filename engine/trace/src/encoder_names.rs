//! How people call encoders: by their index, their name in the checkpoint, or their family.

use crate::encoder_name::EncoderFamily;
use crate::error::{Result, Unusable};

/// The name by which papers know a family.
fn published(family: EncoderFamily) -> &'static str {
    match family {
        EncoderFamily::Siglip => "SigLIP",
        EncoderFamily::Clip => "CLIP",
        EncoderFamily::Dinov2 => "DINOv2",
        EncoderFamily::ConvNext => "ConvNeXt",
    }
}

/// A short name for each of `names`: the family's where only one encoder has it, else the name itself.
pub fn short(names: &[&str]) -> Vec<String> {
    let families: Vec<Option<EncoderFamily>> = names.iter().map(|name| EncoderFamily::of_name(name)).collect();
    let unique = |family: &EncoderFamily| families.iter().flatten().filter(|other| *other == family).count() == 1;
    names
        .iter()
        .zip(&families)
        .map(|(name, family)| {
            family.filter(unique).map_or_else(|| (*name).to_owned(), |family| published(family).to_owned())
        })
        .collect()
}

/// The index of the encoder that `text` means.
///
/// # Errors
/// [`Unusable`] listing the encoders, if it means none or several.
pub fn find(names: &[&str], text: &str) -> Result<usize> {
    let refuse = |problem: String| {
        let list: Vec<String> = names.iter().enumerate().map(|(k, name)| format!("{k} {name}")).collect();
        Unusable::new(
            problem,
            format!(
                "this model's encoders are {}; give an index, a name or a family (siglip, clip, dinov2, convnext)",
                list.join(", ")
            ),
        )
    };
    if let Ok(index) = text.parse::<usize>() {
        return if index < names.len() { Ok(index) } else { Err(refuse(format!("there is no encoder {index}"))) };
    }
    let word = text.to_lowercase();
    let exact = names.iter().position(|name| *name == text);
    let of_family = || {
        let is_meant = |name: &&str| EncoderFamily::of_name(name).is_some_and(|family| family.word() == word);
        names.iter().enumerate().filter(|(_, name)| is_meant(name)).map(|(k, _)| k).collect::<Vec<_>>()
    };
    match (exact, of_family().as_slice()) {
        (Some(index), _) => Ok(index),
        (None, [index]) => Ok(*index),
        (None, []) => Err(refuse(format!("there is no encoder `{text}`"))),
        (None, several) => Err(refuse(format!("`{text}` may be any of {} encoders", several.len()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 4] = [
        "siglip/CLIP-ViT-SO400M-14-384",
        "openai/clip-vit-large-patch14-336",
        "facebook/dinov2-giant-res378",
        "clip-convnext-XXL-multi-stage",
    ];

    #[test]
    fn by_index_name_and_family() {
        assert_eq!(find(&NAMES, "2").unwrap(), 2);
        assert_eq!(find(&NAMES, "facebook/dinov2-giant-res378").unwrap(), 2);
        assert_eq!(find(&NAMES, "ConvNext").unwrap(), 3);
        assert_eq!(find(&NAMES, "clip").unwrap(), 1, "the family, not any name with these letters");
    }

    #[test]
    fn what_is_not_there_or_not_clear_is_refused_with_the_list() {
        for text in ["4", "vit", "-1", ""] {
            let error = find(&NAMES, text).unwrap_err().to_string();
            assert!(error.contains("3 clip-convnext-XXL-multi-stage"), "{error}");
        }
        let twice = [NAMES[1], NAMES[1], NAMES[0]];
        assert!(find(&twice, "clip").unwrap_err().to_string().contains("any of 2"));
    }

    #[test]
    fn short_names_stay_distinct() {
        assert_eq!(short(&NAMES), ["SigLIP", "CLIP", "DINOv2", "ConvNeXt"]);
        assert_eq!(short(&["openai/clip-vit-base", "openai/clip-vit-large", "x"])[0], "openai/clip-vit-base");
    }
}
