//! A page with pictures, which needs nothing else.

use std::fmt::Write;

use crate::topology::Date;

use super::svg::{STYLE, escaped};
use super::{Facts, View, picture};

/// One HTML page with some views, without scripts and without anything from elsewhere.
pub fn page(before: Option<&Facts>, facts: &Facts, views: &[View], today: Date) -> String {
    let title = escaped(&facts.scene.title);
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <style>\n{PAGE}{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n"
    );
    if let Some(before) = before {
        writeln!(out, "<p>Before: {}</p>", escaped(&before.scene.title)).expect("a String takes everything");
    }
    for (number, view) in views.iter().enumerate() {
        let svg = picture(before, facts, *view, today).inline(&format!("title{number}"));
        // The mark of an arrow has one name in a page.
        let svg = svg
            .replace("id=\"arrow\"", &format!("id=\"arrow{number}\""))
            .replace("url(#arrow)", &format!("url(#arrow{number})"));
        write!(
            out,
            "<section>\n<h2>{}</h2>\n<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"{}\">\n{svg}</div>\n</section>\n",
            view.title(),
            view.title()
        )
        .expect("a String takes everything");
    }
    out.push_str("</main>\n</body>\n</html>\n");
    out
}

const PAGE: &str = "\
:root{color-scheme:light dark}\n\
body{margin:0;background:#fff;color:#1b1f24;font:16px/1.5 system-ui,sans-serif}main{padding:1rem 1.5rem}h1{font-size:1.4rem}h2{font-size:1.1rem}\n\
.wide{overflow-x:auto}\n\
@media(prefers-color-scheme:dark){body{background:#0d1117;color:#e6edf3}}\n\
@media print{body{background:#fff;color:#000}.wide{overflow:visible}svg{max-width:100%;height:auto}section{break-inside:avoid}}\n";
