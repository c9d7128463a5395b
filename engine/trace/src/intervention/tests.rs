use super::*;
use crate::layer::HEADS;

/// Four encoders on a 6 × 6 grid, three connector layers, samplers after layers 0, 2 and 4.
fn anatomy() -> Anatomy {
    let encoders = [
        "siglip/CLIP-ViT-SO400M-14-384",
        "openai/clip-vit-large-patch14-336",
        "facebook/dinov2-giant-res378",
        "clip-convnext-XXL-multi-stage",
    ];
    let connector = (0..3).map(|layer| (SvaLayer::Connector { group: 0, layer }, format!("C{}", layer + 1)));
    let samplers = (0..3).map(|n| (SvaLayer::Sampler { n }, format!("S{}", 2 * n)));
    Anatomy::from_parts(encoders.map(String::from).to_vec(), connector.chain(samplers).collect(), 6)
}

fn parse(text: &str) -> Interventions {
    Interventions::parse(text, &anatomy()).unwrap()
}

fn refusal(text: &str) -> String {
    Interventions::parse(text, &anatomy()).unwrap_err().to_string()
}

/// A small generator of numbers, so that shuffles are the same each time.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % limit as u64) as usize
    }

    fn intervention(&mut self) -> Intervention {
        let anatomy = anatomy();
        let layers: Vec<SvaLayer> = anatomy.layers().collect();
        let at = match self.below(5) {
            0 | 1 => Place::Everywhere,
            2 => Place::Connector,
            3 => Place::Samplers,
            _ => Place::Layer(layers[self.below(layers.len())]),
        };
        let encoder = self.below(4);
        let action = match self.below(12) {
            0 => Action::Blank,
            1 => Action::ZeroRaw { encoder },
            2 => Action::Zero { encoder },
            3 => Action::Mean { encoder },
            4 => Action::Swap { encoder },
            5 | 6 => {
                let (row, column) = (self.below(6), self.below(6));
                let cells = Cells::rectangle(row..row + self.below(7 - row), column..column + self.below(7 - column));
                Action::Region { encoder, cells }
            }
            7 => Action::Context,
            8 => Action::Skip,
            9 => Action::ShuffleWeights { seed: self.below(3) },
            10 => Action::ShuffleAttention { seed: self.below(3) },
            _ => Action::Head { head: self.below(HEADS) },
        };
        Intervention { action, at }
    }
}

#[test]
fn whatever_the_order_the_value_is_one_and_reads_back_from_text_and_json() {
    let mut random = Random(1);
    for _ in 0..300 {
        let mut list: Vec<Intervention> = (0..random.below(9)).map(|_| random.intervention()).collect();
        let expected: Interventions = list.iter().cloned().collect();
        for _ in 0..4 {
            for at in (1..list.len()).rev() {
                list.swap(at, random.below(at + 1));
            }
            // Also in two parts, one of them twice.
            let (a, b) = list.split_at(list.len() / 2);
            let (a, b): (Interventions, Interventions) = (a.iter().cloned().collect(), b.iter().cloned().collect());
            assert_eq!(a.and(&b).and(&a), expected);
            assert_eq!(b.and(&a), expected);
        }
        let json = serde_json::to_string(&expected).unwrap();
        assert_eq!(serde_json::from_str::<Interventions>(&json).unwrap(), expected, "{json}");
        let text = expected.to_spec(&anatomy());
        assert_eq!(text.is_empty(), expected.is_none());
        if !text.is_empty() {
            assert_eq!(parse(&text), expected, "{text}");
            assert!(!expected.words(&anatomy()).is_empty());
        }
    }
}

#[test]
fn the_same_said_otherwise_is_the_same() {
    assert_eq!(parse("mask:clip@connector+mask:clip@samplers"), parse("mask:clip"));
    assert_eq!(parse("mask:clip+mask:1@S0"), parse("mask:clip"));
    assert_eq!(parse("region:clip@0:2,0:2+region:clip@0:2,1:3"), parse("region:clip@0:2,0:3"));
    assert_eq!(parse("region:all@0:3,0:3"), parse("region:siglip,clip,dinov2,convnext@0:3,0:3"));
    assert_eq!(parse("mask_context:siglip"), parse("mask:siglip+context"));
    assert_eq!(parse("mask_context:clip@S0"), parse("mask:clip@S0"));
    assert_eq!(parse("skip:C1..C3"), parse("skip:C1,c2+skip:C3"));
    assert_ne!(parse("zero:siglip@samplers"), parse("zero:siglip"));
    assert_eq!(parse("no_image"), Interventions::of(Action::NoImage));
}

#[test]
fn a_region_of_no_cells_is_no_intervention() {
    assert!(parse("region:all@3:3,0:6").is_none());
    assert!(Interventions::region(0..4, &Cells::default()).is_none());
    assert_eq!(parse("region:all@3:3,0:6+mask:clip"), parse("mask:clip"));
    assert_eq!(Interventions::default().first_affected(&anatomy()), None);
}

#[test]
fn text_is_as_a_person_would_write_it() {
    for text in [
        "mask:clip",
        "mask:clip,dinov2",
        "zero:siglip@samplers",
        "swap:all",
        "region:all@0:3,0:3",
        "region:clip@4,5@S0",
        "mask:siglip+context",
        "skip:C1",
        "head:S0/3,7",
        "context@S2",
        "blank",
        "no_image",
        "shuffle_weights:1",
        "shuffle_weights:1,40@samplers",
        "shuffle_attention:0@S0",
        "mean:clip+mask:dinov2@connector+head:C1/0",
    ] {
        assert_eq!(parse(text).to_spec(&anatomy()), text);
    }
}

#[test]
fn words_say_what_is_done_where() {
    let words = |text: &str| parse(text).words(&anatomy());
    assert_eq!(words("mask:clip"), "keys of CLIP masked in every SVA layer");
    assert_eq!(words("zero:siglip,clip@samplers"), "features of SigLIP and CLIP zero in the samplers");
    assert_eq!(
        words("region:all@0:3,4+skip:C1"),
        "features of every encoder under rows 0–2 and column 4 replaced by their mean; layer C1 skipped"
    );
    assert_eq!(words("shuffle_weights:1,4@S0"), "weights of layer S0 shuffled (seeds 1 and 4)");
    assert_eq!(words("shuffle_attention:7"), "attention of every SVA layer shuffled (seed 7)");
    assert_eq!(words("head:S0/3+context"), "global context zero; head 3 of layer S0 zero");
}

#[test]
fn what_is_not_there_is_refused_with_what_is() {
    for (text, expected) in [
        ("mask:eva", "3 clip-convnext-XXL-multi-stage"),
        ("mask:4", "there is no encoder 4"),
        ("skip:S1", "C1 C2 C3 S0 S2 S4"),
        ("skip:C3..C1", "C1 C2 C3 S0 S2 S4"),
        ("head:S0/16", "0 to 15"),
        ("head:S0/x", "`x` is no number"),
        ("region:all@0:7,0:3", "6 × 6 cells"),
        ("region:all@6,0", "6 × 6 cells"),
        ("region:all@0", "which rows and columns"),
        ("region:all@99999999999999999999,0", "6 × 6 cells"),
        ("mask:all", "every encoder is masked in layer C1"),
        ("mask:all@samplers", "every encoder is masked in layer S0"),
        ("mask:siglip,clip@S2+mask:dinov2,convnext", "every encoder is masked in layer S2"),
        ("mask", "which encoder"),
        ("shuffle_weights", "which shuffle"),
        ("shuffle_attention:all", "`all` is no number"),
        ("shuffle_attention:1@S1", "C1 C2 C3 S0 S2 S4"),
        ("blur:clip", "is no intervention"),
        ("", "is no intervention"),
        ("mask:clip+", "is no intervention"),
        ("mask@0", "is no intervention"),
        ("skip@S0", "is no intervention"),
        ("head@S0/3", "is no intervention"),
        ("blank@S0", "is no intervention"),
        ("no_image+mask:clip", "write no_image alone"),
    ] {
        let message = refusal(text);
        assert!(message.contains(expected), "{text}: {message}");
    }
    let beyond = Interventions::of(Action::ShuffleWeights { seed: MAX_SEED + 1 });
    let message = beyond.check(&anatomy()).unwrap_err().to_string();
    assert!(message.contains("from 0 to 999999"), "{message}");
    let connector_only = Anatomy::from_parts(
        vec!["openai/clip-vit-large-patch14-336".into(), "openai/clip-vit-base".into()],
        vec![(SvaLayer::Connector { group: 0, layer: 0 }, "C1".into())],
        3,
    );
    let message = Interventions::parse("skip:samplers", &connector_only).unwrap_err().to_string();
    assert!(message.contains("it has no samplers"), "{message}");
    // Two of a family go by their index.
    let masked = Interventions::parse("mask:1", &connector_only).unwrap();
    assert_eq!(masked.to_spec(&connector_only), "mask:1");
    let message = Interventions::parse("mask:clip", &connector_only).unwrap_err().to_string();
    assert!(message.contains("any of 2"), "{message}");
}

#[test]
fn the_first_affected_layer_and_position() {
    let first = |text: &str| parse(text).first_affected(&anatomy()).unwrap();
    assert_eq!(first("no_image"), FirstAffected::Prompt);
    assert_eq!(first("blank+skip:S4"), FirstAffected::Encoders);
    assert_eq!(first("mask:clip"), FirstAffected::Layer(SvaLayer::Connector { group: 0, layer: 0 }));
    assert_eq!(first("skip:S2+mask:clip@C2"), FirstAffected::Layer(SvaLayer::Connector { group: 0, layer: 1 }));
    assert_eq!(first("zero:clip@samplers"), FirstAffected::Layer(SvaLayer::Sampler { n: 0 }));
    assert_eq!(first("head:S4/1"), FirstAffected::Layer(SvaLayer::Sampler { n: 2 }));
    assert_eq!((first("no_image").position(7), first("head:S4/1").position(7)), (0, 7));
}

#[test]
fn tokens_under_cells() {
    // A grid twice as fine as the cells; each cell owns 2 × 2 tokens.
    let under = Cells::rectangle(0..1, 1..2).tokens_under(3, 6);
    let expected: Vec<bool> = (0..36).map(|token| token / 6 < 2 && (2..4).contains(&(token % 6))).collect();
    assert_eq!(under, expected);
    // A grid coarser than the cells: the tokens that they overlap.
    assert_eq!(Cells::rectangle(0..1, 0..1).tokens_under(4, 2), [true, false, false, false]);
    assert_eq!(Cells::rectangle(0..4, 0..4).tokens_under(4, 2), [true; 4]);
    assert_eq!(Cells::rectangle(9..10, 9..10).tokens_under(4, 2), [false; 4]);
}

#[test]
fn rectangles_cover_the_cells_once() {
    let mut random = Random(3);
    for _ in 0..50 {
        let cells: Cells = (0..random.below(30)).map(|_| [random.below(6), random.below(6)]).collect();
        let rectangles = cells.rectangles();
        let covered = rectangles.iter().map(|(rows, columns)| rows.len() * columns.len()).sum::<usize>();
        assert_eq!(covered, cells.len());
        let all = rectangles.into_iter().flat_map(|(rows, columns)| Cells::rectangle(rows, columns).0);
        assert_eq!(all.collect::<Cells>(), cells);
    }
}

#[test]
fn names_of_layers_read_back() {
    for layer in anatomy().layers() {
        assert_eq!(layer.to_string().parse::<SvaLayer>(), Ok(layer));
    }
    for text in ["vision_sampler_0", "vision_sampler_layers.1.layers.1", "vision_sampler_a.layers.0", ""] {
        assert!(text.parse::<SvaLayer>().is_err(), "{text}");
    }
}
