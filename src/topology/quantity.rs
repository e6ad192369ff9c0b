//! Quantities of resources, as Kubernetes writes them.

use serde_json::Value;

/// How much a value is, where it is a quantity (Kubernetes, `apimachinery/pkg/api/resource/quantity.go`).
pub(crate) fn quantity(value: &Value) -> Option<f64> {
    let text = match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        _ => return None,
    };
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let (digits, unit) = match text.find(['e', 'E']).filter(|at| text[at + 1..].parse::<i32>().is_ok()) {
        Some(_) => (text.as_str(), 1.0),
        None => (digits, UNITS.iter().find(|(unit, _)| *unit == &text[digits.len()..])?.1),
    };
    let is_number = digits.starts_with(|first: char| first.is_ascii_digit() || first == '.');
    digits.parse::<f64>().ok().filter(|amount| is_number && amount.is_finite()).map(|amount| amount * unit)
}

const UNITS: [(&str, f64); 16] = [
    ("", 1.0),
    ("n", 1e-9),
    ("u", 1e-6),
    ("m", 1e-3),
    ("k", 1e3),
    ("M", 1e6),
    ("G", 1e9),
    ("T", 1e12),
    ("P", 1e15),
    ("E", 1e18),
    ("Ki", 1024.0),
    ("Mi", 1_048_576.0),
    ("Gi", 1_073_741_824.0),
    ("Ti", 1_099_511_627_776.0),
    ("Pi", 1_125_899_906_842_624.0),
    ("Ei", 1_152_921_504_606_846_976.0),
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn quantities_are_read_as_kubernetes_reads_them() {
        let is_close = |value: Value, wanted: f64| {
            let found = quantity(&value).unwrap_or_else(|| panic!("{value} is a quantity"));
            assert!((found - wanted).abs() <= wanted.abs() * 1e-12, "{value} is {found}, not {wanted}");
        };
        is_close(json!(2), 2.0);
        is_close(json!(0.5), 0.5);
        is_close(json!("100m"), 0.1);
        is_close(json!("1024Mi"), 1_073_741_824.0);
        is_close(json!("1Gi"), 1_073_741_824.0);
        is_close(json!("1.5G"), 1.5e9);
        is_close(json!("1e3"), 1000.0);
        is_close(json!("2E"), 2e18);
        for wrong in
            [json!("1 GB"), json!("1GB"), json!("mi"), json!("-1"), json!(""), json!("1K"), json!(true), json!({})]
        {
            assert_eq!(quantity(&wrong), None, "{wrong}");
        }
    }
}
