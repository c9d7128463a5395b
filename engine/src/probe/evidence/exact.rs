//! Numbers in JSON with all of their digits. A reader of JSON may round them; as text they come back as they were.

/// One number.
pub(super) mod one {
    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    pub fn serialize<S: Serializer>(value: &f64, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(value)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

/// Numbers with spaces between them.
pub(super) mod list {
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn text(values: &[f64]) -> String {
        values.iter().map(f64::to_string).collect::<Vec<_>>().join(" ")
    }

    pub fn numbers<E: serde::de::Error>(text: &str) -> Result<Vec<f64>, E> {
        text.split_whitespace().map(|word| word.parse().map_err(E::custom)).collect()
    }

    pub fn serialize<S: Serializer>(values: &[f64], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&text(values))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<f64>, D::Error> {
        numbers(&String::deserialize(from)?)
    }
}

/// Several lists.
pub(super) mod lists {
    use super::list;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(values: &[Vec<f64>], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(values.iter().map(|values| list::text(values)))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Vec<f64>>, D::Error> {
        Vec::<String>::deserialize(from)?.iter().map(|text| list::numbers(text)).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Numbers {
        #[serde(with = "super::one")]
        one: f64,
        #[serde(with = "super::list")]
        list: Vec<f64>,
        #[serde(with = "super::lists")]
        lists: Vec<Vec<f64>>,
    }

    #[test]
    fn every_digit_comes_back() {
        let values: Vec<f64> = (0..2000).map(|at| (f64::from(at) * 0.7311).sin() * 10f64.powi(at % 60 - 30)).collect();
        let numbers = Numbers { one: 0.1 + 0.2, list: values.clone(), lists: vec![Vec::new(), values] };
        let text = serde_json::to_string(&numbers).unwrap();
        assert_eq!(serde_json::from_str::<Numbers>(&text).unwrap(), numbers);
        assert!(serde_json::from_str::<Numbers>(&text.replacen("0.3", "0.x3", 1)).is_err());
    }
}
