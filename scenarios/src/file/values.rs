//! Values of a law that stand in a file of their own: one duration a line, or a column of a CSV.

use super::{Source, error::ScenarioError};
use iocp_scheduler::{
    Workload,
    workload::{Duration, LawDeclaration, Place, Step, Time},
};

/// The most values of one file.
const MOST_VALUES: usize = 1_000_000;

/// Gives the text of a file that a scenario names, or says why it cannot and what to do.
pub type Reader<'r> = dyn FnMut(&str) -> Result<String, String> + 'r;

/// Puts the values of each file in the place of its name, so that the workload needs no other file.
pub(super) fn fill(
    name: &str,
    text: &str,
    workload: &mut Workload,
    read: &mut Reader<'_>,
) -> Result<(), ScenarioError> {
    let mut fill = |place: &Place, law: &mut LawDeclaration| {
        let Some(file) = law.file.take() else {
            return Ok(());
        };
        let at = |key: &'static str, message: String| {
            let span = Source::new(text).span_of(&place.key(key));
            ScenarioError::new(name, text, span, message)
        };
        if law.values.is_some() {
            let message = "a law has its values here or in a file, not both".to_owned();
            return Err(at("file", message));
        }
        let column = law.column.take();
        let content = read(&file).map_err(|why| {
            let message = format!("the values cannot be read from {file}: {why}");
            at("file", message).with_help("The file is looked for beside the scenario's.")
        })?;
        // The mark that editors on Windows put before a text.
        let content = content.strip_prefix('\u{feff}').unwrap_or(&content);
        law.values = Some(match column {
            None => lines(&file, content)?,
            Some(column) => of_column(&file, content, &column)?,
        });
        Ok(())
    };
    let root = Place::default().key("thread");
    for (index, thread) in workload.threads.iter_mut().enumerate() {
        let place = root.index(index).key("program");
        each_law(&place, &mut thread.program, &mut fill)?;
    }
    Ok(())
}

fn each_law(
    place: &Place,
    program: &mut [Step],
    fill: &mut impl FnMut(&Place, &mut LawDeclaration) -> Result<(), ScenarioError>,
) -> Result<(), ScenarioError> {
    for (index, step) in program.iter_mut().enumerate() {
        let place = place.index(index);
        let durations = [("compute", &mut step.compute), ("for", &mut step.duration)];
        for (key, duration) in durations {
            if let Some(Duration::Law(law)) = duration {
                fill(&place.key(key), law)?;
            }
        }
        each_law(&place.key("do"), &mut step.body, fill)?;
        each_law(&place.key("else"), &mut step.otherwise, fill)?;
    }
    Ok(())
}

/// One duration a line; empty lines and those that begin with `#` are none.
fn lines(file: &str, text: &str) -> Result<Vec<Time>, ScenarioError> {
    let mut values = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let value = line.trim();
        if !value.is_empty() && !value.starts_with('#') {
            let begin = at + line.find(value).unwrap_or(0);
            let span = begin..begin + value.len();
            values.push(duration(file, text, span, value)?);
        }
        at += line.len();
    }
    enough(file, text, values)
}

/// The durations of a column, whose name is in the first line.
fn of_column(file: &str, text: &str, column: &str) -> Result<Vec<Time>, ScenarioError> {
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let broken = |error: &csv::Error| {
        let at = error.position().map_or(0, csv::Position::byte);
        let span = line_at(text, usize::try_from(at).unwrap_or(0));
        let message = match error.kind() {
            csv::ErrorKind::UnequalLengths {
                expected_len, len, ..
            } => {
                let fields = if *len == 1 { "field" } else { "fields" };
                format!("this line has {len} {fields}, and the first line has {expected_len}")
            }
            _ => format!("this is no CSV: {error}"),
        };
        ScenarioError::new(file, text, span, message)
    };
    let headers = reader.headers().map_err(|error| broken(&error))?;
    let head = |message: String, help: String| {
        ScenarioError::new(file, text, line_at(text, 0), message).with_help(help)
    };
    let mut named = (0..headers.len()).filter(|&at| &headers[at] == column);
    let at = match (named.next(), named.next()) {
        (Some(at), None) => at,
        (Some(_), Some(_)) => {
            let message = format!("two columns are called \"{column}\"");
            return Err(head(message, "Give one of them another name.".into()));
        }
        (None, _) => {
            let known: Vec<_> = headers.iter().collect();
            let message = format!("there is no column \"{column}\" in the first line");
            let help = format!("The columns, with commas between: {}.", known.join(", "));
            return Err(head(message, help));
        }
    };
    let mut values = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| broken(&error))?;
        let begin = record.position().map_or(0, csv::Position::byte);
        let line = line_at(text, usize::try_from(begin).unwrap_or(0));
        values.push(duration(
            file,
            text,
            line,
            record.get(at).unwrap_or_default(),
        )?);
    }
    enough(file, text, values)
}

fn duration(
    file: &str,
    text: &str,
    span: std::ops::Range<usize>,
    value: &str,
) -> Result<Time, ScenarioError> {
    let time = match value {
        "0" => Some(Time::Nanoseconds(0)),
        value => Time::parse(value).filter(|time| *time != Time::Infinite),
    };
    time.ok_or_else(|| {
        let message = format!("\"{value}\" is no duration");
        ScenarioError::new(file, text, span, message).with_help(
            "Write a number with its unit, as in 250us, 1.5ms or 2s: whole nanoseconds, and at most \
             49 days.",
        )
    })
}

fn enough(file: &str, text: &str, values: Vec<Time>) -> Result<Vec<Time>, ScenarioError> {
    match values.len() {
        0 => {
            let message = "there are no values in this file";
            Err(ScenarioError::new(file, text, 0..0, message))
        }
        1..=MOST_VALUES => Ok(values),
        more => {
            let message = format!("there are {more} values; at most {MOST_VALUES} are read");
            Err(ScenarioError::new(file, text, 0..0, message))
        }
    }
}

/// The line in which this byte is.
fn line_at(text: &str, byte: usize) -> std::ops::Range<usize> {
    let byte = byte.min(text.len());
    let rest = text.as_bytes().get(byte..).unwrap_or_default();
    // A reader's position may be that of the line's end before.
    let begin = byte
        + rest
            .iter()
            .take_while(|&&b| b == b'\n' || b == b'\r')
            .count();
    let rest = text.as_bytes().get(begin..).unwrap_or_default();
    let length = rest
        .iter()
        .take_while(|&&b| b != b'\n' && b != b'\r')
        .count();
    begin..begin + length
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ns(values: &[Time]) -> Vec<u64> {
        let ns = values.iter().map(|value| match value {
            Time::Nanoseconds(ns) => *ns,
            Time::Infinite => u64::MAX,
        });
        ns.collect()
    }

    #[test]
    fn lines_are_durations() {
        let values = lines("gaps.txt", "# gaps\n1ms\n\n 250us \r\n0\n1.5µs\n2 μs\n");
        let values = values.expect("they are");
        assert_eq!(ns(&values), [1_000_000, 250_000, 0, 1_500, 2_000]);
        let error = lines("gaps.txt", "1ms\n2ms\nmany\n").expect_err("the third is none");
        assert_eq!(error.to_string(), "gaps.txt:3:1: \"many\" is no duration.");
        assert_eq!(
            lines("gaps.txt", "\n").expect_err("nothing").to_string(),
            "gaps.txt:1:1: there are no values in this file."
        );
    }

    #[test]
    fn columns_go_by_their_names() {
        let text = "when,gap\n1,1ms\n2,\"2ms\"\n";
        let values = of_column("gaps.csv", text, "gap").expect("there is one");
        assert_eq!(ns(&values), [1_000_000, 2_000_000]);
        let told = |text: &str, column: &str| {
            let error = of_column("gaps.csv", text, column).expect_err("wrong");
            error.to_string()
        };
        assert_eq!(
            told(text, "gaps"),
            "gaps.csv:1:1: there is no column \"gaps\" in the first line."
        );
        assert_eq!(
            told("when,gap\n1,1ms\n2\n", "gap"),
            "gaps.csv:3:1: this line has 1 field, and the first line has 2."
        );
        assert_eq!(
            told("gap,gap\n1ms,2ms\n", "gap"),
            "gaps.csv:1:1: two columns are called \"gap\"."
        );
        assert_eq!(
            told("when,gap\n1,1ms\n2,3\n", "gap"),
            "gaps.csv:3:1: \"3\" is no duration."
        );
    }
}
