//! Pictures against what Pillow made of them: decoding, and padding and resizing at the released models' sizes.

use opabinia_engine::vision::{Exif, Picture, PixelSpec, Rescale};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

fn goldens(part: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/goldens").join(part)
}

fn open(file: &Path) -> Picture {
    Picture::open(file, Exif::Ignore).unwrap()
}

#[test]
fn padding_and_resizing_are_bit_exact() {
    let text = std::fs::read_to_string(goldens("preprocess/preprocess.json")).unwrap();
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    assert!(cases.len() >= 12);
    for case in cases {
        let number = |value: &Value| value.as_u64().unwrap() as usize;
        let file = case["file"].as_str().unwrap();
        let picture = open(&goldens("preprocess").join(file));
        let size = &case["image_size_wh"];
        assert_eq!((picture.width, picture.height), (number(&size[0]), number(&size[1])), "{file}");
        let spec = PixelSpec {
            size: number(&case["size"]),
            background: [0, 1, 2].map(|c| number(&case["background"][c]) as u8),
            rescale: Rescale::DivideBy255,
            mean: [0.0; 3],
            std: [1.0; 3],
        };
        let view = spec.view(&picture);
        let sum: String = Sha256::digest(&view.rgb).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(sum, case["sha256"].as_str().unwrap(), "{file} at {}", spec.size);
        if spec.size == 336 {
            let stem = file.strip_suffix(".png").unwrap();
            assert_eq!(view, open(&goldens("preprocess").join(format!("{stem}.resized336.png"))), "{file}");
        }
    }
}
