//! Pages of pictures: well-formed, the same each time, and whole whatever is in them.
//!
//! The page of all kinds of figures is left in cargo's folder for tests, `report.html`: to look at.

mod page;

use iocp_scenarios::{
    catalogue, file,
    report::{
        Axis, Bar, Bars, Cell, Curve, Figure, HeatMap, Line, Lines, Listing, Made, Page,
        Percentiles, Point, Section, Table, Threshold, Timeline, Unit,
    },
};
use iocp_scheduler::{
    Run,
    run::Options,
    strategy::Random,
    trace::{Tracer, header},
};
use iocp_traces::{Event, Trace};
use page::check;

/// The run of a scenario of the catalogue.
fn trace(name: &str) -> Trace {
    let profile = iocp_model::Profile::default();
    let entry = catalogue::find(name).expect("the catalogue has it");
    let scenario = file::parse(entry.name, entry.text).expect("the catalogue is sound");
    let program = &scenario.program;
    let strategy = Random::new(0);
    let mut run = Run::new(program, profile.semantics, strategy, Options::default())
        .expect("no program spins");
    let mut tracer = Tracer::new(program, Vec::<Event<'static>>::new(), true);
    run.finish(&mut tracer).expect("the run ends");
    Trace {
        header: header(program, profile.name, "random", 0),
        events: tracer.into_sink(),
    }
}

/// The mean time in a queue with one server, at this load.
fn latency(load: f64) -> f64 {
    0.004 / (1.0 - load)
}

fn table() -> Table {
    let mut table = Table::new(["setting", "latency", "between"]);
    table.row(["limit 4", "20.1 ms", "19.8 to 20.4 ms"]).mark();
    table.row(["`limit = 8`", "**25** ms", "24 to 26 ms"]);
    table
}

fn lines() -> Lines {
    let line = |limit: u32| {
        let loads = (1..=9).map(|load| f64::from(load) / 10.0);
        let point = |load: f64| {
            let y = latency(load * (1.1 - 0.02 * f64::from(limit)));
            Point::new(load * 1000.0, y).between(y * (1.0 - load / 8.0), y * (1.0 + load / 6.0))
        };
        Line::new(format!("limit {limit}"), loads.map(point))
    };
    Lines {
        x: Axis::new("arrivals", Unit::PerSecond),
        y: Axis::new("latency, 99th percentile", Unit::Seconds),
        lines: [1, 2, 4, 8].map(line).to_vec(),
        threshold: Some(Threshold::new(0.02, "objective: 20 ms")),
    }
}

fn heat_map() -> HeatMap {
    let cell = |limit: u32, threads: u32| {
        let value = 0.004 * f64::from(17 * 2 + limit.abs_diff(4) * 20 + threads.abs_diff(8)) / 8.0;
        match (limit, value > 0.05) {
            (1, _) if threads == 16 => Cell::empty("unstable"),
            (_, true) => Cell::new(value).between(value * 0.9, value * 1.1).misses(),
            _ if (limit, threads) == (4, 8) => Cell::new(value).chosen(),
            _ => Cell::new(value).between(value * 0.9, value * 1.1),
        }
    };
    let (limits, threads) = ([1, 2, 4, 8], [1, 2, 4, 8, 16]);
    let names = |numbers: &[u32]| numbers.iter().map(u32::to_string).collect();
    HeatMap {
        what: "99th percentile of the latency".into(),
        unit: Unit::Seconds,
        across: "limit".into(),
        columns: names(&limits),
        down: "threads".into(),
        rows: names(&threads),
        cells: threads
            .map(|threads| limits.map(|limit| cell(limit, threads)).to_vec())
            .to_vec(),
        objective: "p99 below 50 ms".into(),
        choice: "the advice".into(),
        more_is_better: false,
    }
}

fn percentiles() -> Percentiles {
    let exponential = |mean: f64| move |part: f64| -mean * (1.0 - part).ln();
    Percentiles {
        y: Axis::new("latency", Unit::Seconds),
        curves: vec![
            Curve::of("limit 4", 0.9999, exponential(0.002)),
            Curve::of("limit 8", 0.9999, exponential(0.003)),
        ],
        threshold: Some(Threshold::new(0.02, "objective: 20 ms")),
    }
}

fn bars() -> Bars {
    Bars {
        axis: Axis::new("mean time of a request", Unit::Seconds),
        parts: [
            "in the queue",
            "waits for a processor",
            "computes",
            "is blocked",
        ]
        .map(String::from)
        .to_vec(),
        bars: vec![
            Bar::of("limit 4, 8 threads", [0.002, 0.001, 0.004, 0.003]).between(0.0095, 0.0106),
            Bar::of("limit 1, 1 thread, as libuv", [0.02, 0.0, 0.004, 0.003])
                .between(0.024, 0.031)
                .noting("misses the objective"),
        ],
        threshold: Some(Threshold::new(0.02, "objective: 20 ms")),
    }
}

/// A page with every kind of figure.
fn every_kind() -> Page {
    let mut page = Page::new(
        "Every kind of figure",
        Made::new("iocp sweep rates.toml --seed 7", Some(7)),
    );
    page.lead = "What a page can show, with numbers made up for it.".into();
    page.add(Section::text(
        "In short",
        [
            "A limit of **4** and 8 threads meet `p99 < 20 ms` up to 900 requests a second.",
            "- The processor limits it.",
            "- A limit of 1 leaves three of four processors idle.",
        ],
    ));
    page.add(Section::warning(
        "Be careful",
        ["At 1,000 a second the queue grows without end."],
    ));
    page.add(Section::figure("Settings", table()));
    page.add(Section::figure("Latency against rate", lines()).says("With bands of 95 %."));
    let log = Lines {
        x: Axis::new("arrivals", Unit::PerSecond).log(),
        y: lines().y.log(),
        ..lines()
    };
    page.add(Section::figure("The same, logarithmic", log));
    let line = |name: &str, dots: bool| Line {
        dots,
        ..Line::new(
            name,
            (1..=20).map(|x| {
                let x = f64::from(x);
                Point::new(x, x.sqrt()).between(x.sqrt() - 0.3, x.sqrt() + 0.3)
            }),
        )
    };
    page.add(Section::figure(
        "Dots",
        Lines {
            x: Axis::new("quantile of the law", Unit::Number),
            y: Axis::new("quantile of the recording", Unit::Number),
            lines: vec![line("recorded", true), line("fitted", false)],
            threshold: None,
        },
    ));
    page.add(Section::figure("Limit and threads", heat_map()));
    page.add(Section::figure("Percentiles", percentiles()));
    page.add(
        Section::figure("Where the time goes", bars())
            .made_by(Made::new("iocp simulate server.toml", Some(1))),
    );
    let one = Bars {
        axis: Axis::new("requests a second", Unit::PerSecond),
        bars: vec![Bar::new("limit 4", 900.0), Bar::new("limit 8", 950.0)],
        ..Bars::default()
    };
    page.add(Section::figure("Throughput", one));
    let plan = "scenario = \"server.toml\"\n\n[over]\nlimit = [4, 8]\n";
    page.add(Section::figure("The plan", Listing::new(plan)));
    page.add(Section::figure(
        "Timeline",
        Timeline::of(&trace("reference-5")),
    ));
    page
}

#[test]
fn every_kind_of_figure_is_well_formed() {
    let html = every_kind().html();
    let folder = env!("CARGO_TARGET_TMPDIR");
    std::fs::write(format!("{folder}/report.html"), &html).expect("the folder is there");
    check(&html);
    assert_eq!(
        html,
        every_kind().html(),
        "the same page gives the same bytes"
    );
    // Each figure says what made it, and one of them was made by something else.
    assert_eq!(html.matches("<figcaption").count(), 10);
    assert_eq!(html.matches("Seed 7. ").count(), 10);
    assert_eq!(html.matches("Seed 1. ").count(), 1);
}

#[test]
fn a_small_page_stays_as_it_is() {
    let mut page = Page::new("Small", Made::new("iocp sweep two.toml", Some(7)));
    page.add(Section::figure(
        "Latency",
        Lines {
            x: Axis::new("arrivals", Unit::PerSecond),
            y: Axis::new("latency", Unit::Seconds),
            lines: vec![Line::new(
                "limit 4",
                [
                    Point::new(100.0, 0.004).between(0.0039, 0.0041),
                    Point::new(900.0, 0.019).between(0.017, 0.022),
                ],
            )],
            ..Lines::default()
        },
    ));
    page.add(Section::figure(
        "Timeline",
        Timeline::of(&trace("timeout-against-packet")),
    ));
    let html = page.html();
    check(&html);
    let (_, body) = html.split_once("</style>").expect("it has a style sheet");
    insta::assert_snapshot!(body.replace("><", ">\n<"));
}

/// A text is a text, wherever it stands.
#[test]
fn names_are_only_names() {
    const EVIL: &str = "<script>alert(\"1\")</script> & ' ]]> `x` ** \u{0}\u{1b}\u{ffff}";
    let evil = || EVIL.to_owned();
    let axis = || Axis::new(EVIL, Unit::Number);
    let point = Point::new(1.0, 2.0);
    let threshold = || Some(Threshold::new(1.0, EVIL));
    let mut trace = trace("reference-5");
    let text = serde_json::to_string(&trace.events).expect("events are JSON");
    let quoted = serde_json::to_string(EVIL).expect("a text is JSON");
    let text = text
        .replace("\"poster\"", &quoted)
        .replace("\"p\"", &quoted);
    trace.events = serde_json::from_str::<Vec<Event<'_>>>(&text)
        .expect("they still are events")
        .into_iter()
        .map(Event::into_owned)
        .collect();
    for name in trace
        .header
        .threads
        .iter_mut()
        .chain(&mut trace.header.ports)
    {
        if ["poster", "p"].contains(&name.as_str()) {
            *name = evil();
        }
    }
    let figures = [
        Figure::from(Table {
            head: vec![evil()],
            rows: vec![vec![evil()]],
            marked: vec![],
        }),
        Lines {
            x: axis(),
            y: axis(),
            lines: vec![Line::new(EVIL, [point]), Line::new(EVIL, [point])],
            threshold: threshold(),
        }
        .into(),
        HeatMap {
            what: evil(),
            across: evil(),
            columns: vec![evil()],
            down: evil(),
            rows: vec![evil()],
            cells: vec![vec![Cell::empty(EVIL).misses().chosen()]],
            objective: evil(),
            choice: evil(),
            ..HeatMap::default()
        }
        .into(),
        Percentiles {
            y: axis(),
            curves: vec![Curve::new(EVIL, [Point::new(0.5, 2.0)])],
            threshold: threshold(),
        }
        .into(),
        Bars {
            axis: axis(),
            parts: vec![evil()],
            bars: vec![Bar::new(EVIL, 1.0).noting(EVIL)],
            threshold: threshold(),
        }
        .into(),
        Listing::new(EVIL).into(),
        Timeline::of(&trace).into(),
    ];
    let mut page = Page::new(EVIL, Made::new(EVIL, None));
    page.lead = evil();
    for figure in figures {
        page.add(Section::figure(EVIL, figure).says(EVIL));
    }
    let html = page.html();
    check(&html);
    assert!(!html.contains("<script"));
    assert!(html.matches("&lt;script&gt;").count() > 30);
}

/// No data, one value, and what is no number: a page comes of it, and says that there is nothing.
#[test]
fn whatever_is_in_it_it_is_a_page() {
    let odd = [
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::MAX,
        f64::MIN,
        f64::MIN_POSITIVE,
        0.0,
        -1.0,
        1.0,
    ];
    let mut page = Page::default();
    let empty: [Figure; 6] = [
        Table::default().into(),
        Lines::default().into(),
        HeatMap::default().into(),
        Percentiles::default().into(),
        Bars::default().into(),
        Listing::default().into(),
    ];
    for figure in empty {
        let mut page = Page::default();
        page.add(Section::figure("", figure));
        check(&page.html());
        assert!(page.html().contains("nothing to show"));
    }
    let mut nothing = trace("reference-5");
    nothing.events.clear();
    page.add(Section::figure("", Timeline::of(&nothing)));
    check(&page.html());
    assert!(page.html().contains("nothing to show"));
    for all in [&odd[..], &odd[..1], &odd[6..7], &odd[8..]] {
        for log in [false, true] {
            for unit in [Unit::Number, Unit::Seconds, Unit::PerSecond, Unit::Share] {
                let axis = Axis {
                    log,
                    ..Axis::new("", unit)
                };
                let points = all.iter().flat_map(|&x| {
                    let point = move |&y: &f64| Point::new(x, y).between(y, x);
                    all.iter().map(point)
                });
                let line = Line::new("", points);
                page.add(Section::figure(
                    "",
                    Lines {
                        x: axis.clone(),
                        y: axis.clone(),
                        lines: vec![
                            line.clone(),
                            Line {
                                dots: true,
                                ..line.clone()
                            },
                        ],
                        threshold: all.first().map(|&at| Threshold::new(at, "")),
                    },
                ));
                page.add(Section::figure(
                    "",
                    Percentiles {
                        y: axis.clone(),
                        curves: vec![Curve::new("", line.points)],
                        threshold: None,
                    },
                ));
                page.add(Section::figure(
                    "",
                    Bars {
                        axis,
                        bars: vec![Bar::of("", all.iter().copied()).between(f64::NAN, 1.0)],
                        ..Bars::default()
                    },
                ));
                let cells = all
                    .iter()
                    .map(|&value| Cell::new(value).between(value, value));
                page.add(Section::figure(
                    "",
                    HeatMap {
                        unit,
                        columns: vec![String::new(); 3],
                        rows: vec![String::new(); 2],
                        cells: vec![cells.collect()],
                        ..HeatMap::default()
                    },
                ));
            }
        }
    }
    check(&page.html());
}

/// Every scenario of the catalogue has a timeline, whatever happens in it.
#[test]
fn every_scenario_has_a_timeline() {
    for entry in catalogue::all()
        .iter()
        .filter(|entry| !entry.name.starts_with("peers-"))
    {
        let mut page = Page::new(entry.name, Made::new("iocp run", Some(0)));
        page.add(Section::figure(
            "Timeline",
            Timeline::of(&trace(entry.name)),
        ));
        check(&page.html());
    }
}
