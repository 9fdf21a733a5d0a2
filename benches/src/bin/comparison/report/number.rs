/// Three digits, or all before the point, in groups of three.
pub(super) fn short(figure: f64) -> String {
    match figure.abs() {
        // A number of things.
        _ if figure.fract() == 0.0 => grouped(figure as i64),
        size if size >= 100.0 => grouped(figure.round() as i64),
        size if size >= 10.0 => format!("{figure:.1}"),
        _ => format!("{figure:.2}"),
    }
}

/// A number of things.
pub(crate) fn count(number: usize) -> String {
    grouped(i64::try_from(number).unwrap_or(i64::MAX))
}

fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::from(if number < 0 { "-" } else { "" });
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_or_groups_of_three() {
        assert_eq!(short(0.123_4), "0.12");
        assert_eq!(short(-9.876), "-9.88");
        assert_eq!(short(12.34), "12.3");
        assert_eq!(short(999.6), "1 000");
        assert_eq!(short(0.0), "0");
        assert_eq!(short(2_130.0), "2 130");
        assert_eq!(count(18_000), "18 000");
        assert_eq!(count(1_000_000), "1 000 000");
        assert_eq!(count(7), "7");
    }
}
