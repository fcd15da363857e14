/* SPDX-License-Identifier: Apache-2.0 */
/* The page around a report's sections; it is well-formed XML too, so that anything can check it. */
#include "aggregator/cli/report.h"

#include <string.h>
#include <time.h>

#include "aggregator/cli/markup.h"
#include "common/clock.h"

#define GAPS_SHOWN_MAX 12

static const char head[] =
    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/>\n"
    "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"/>\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\"/>\n"
    "<meta name=\"color-scheme\" content=\"light dark\"/>\n";

static const char style[] =
    "<style>\n"
    ":root{--bg:#f3f4f1;--panel:#fbfbf9;--line:#dde0da;--line2:#bfc6bf;--ink:#172023;--ink2:#46555a;--accent:#0a626c;"
    "--ok:#2c6538;--ok-bg:#e5f0e5;--warn:#7d4a00;--warn-bg:#faf0dc;--warn-line:#d9a44c;"
    "--mono:ui-monospace,Consolas,\"DejaVu Sans Mono\",monospace;"
    "--sans:system-ui,-apple-system,\"Segoe UI\",\"Noto Sans\",\"DejaVu Sans\",sans-serif}\n"
    "@media (prefers-color-scheme:dark){:root{--bg:#0d1214;--panel:#12191c;--line:#212c31;--line2:#3a4a50;"
    "--ink:#d2dcdb;--ink2:#a2b3b5;--accent:#5ac2c7;--ok:#80c690;--ok-bg:#15281a;--warn:#e3ab57;--warn-bg:#2a2113;"
    "--warn-line:#8a6527}}\n"
    "*{box-sizing:border-box}html{background:var(--bg);color:var(--ink);font:13px/1.45 var(--sans)}\n"
    "body{margin:0 auto;padding:0 16px 16px;max-width:1100px}h1,h2,p{margin:0}\n"
    "header{display:flex;align-items:center;gap:10px;padding:14px 2px;color:var(--ink)}header svg{width:24px;"
    "height:24px}h1{font-size:18px;font-weight:650;overflow-wrap:anywhere}h2{font-size:14px;font-weight:650}\n"
    "section{background:var(--panel);border:1px solid var(--line);border-radius:6px;padding:12px 14px;"
    "margin-bottom:10px;display:grid;gap:8px}section>*{min-width:0}section>p{color:var(--ink2)}\n"
    "code{font:12px var(--mono);color:var(--ink2);overflow-wrap:anywhere}code::before{content:\"$ \"}\n"
    ".cov{padding:4px 10px;border-radius:5px;background:var(--ok-bg);border-left:3px solid var(--ok)}"
    ".cov b{color:var(--ok);margin-right:8px}.cov.w{background:var(--warn-bg);border-left-color:var(--warn-line)}"
    ".cov.w b{color:var(--warn)}.cov ul{margin:2px 0 0;padding-left:18px}.cov li{overflow-wrap:anywhere}\n"
    ".wide{overflow-x:auto}table{border-collapse:collapse;width:100%}th{font-weight:500;color:var(--ink2);"
    "font-size:12px;text-align:left;padding:4px 10px;border-bottom:1px solid var(--line2);white-space:nowrap}"
    "td{padding:3px 10px;border-bottom:1px solid var(--line);font:12px var(--mono);white-space:nowrap}"
    "td:last-child{white-space:normal}tr:last-child td{border-bottom:0}"
    ".num{text-align:right;font-variant-numeric:tabular-nums}\n"
    "svg.pv{width:100%;min-width:640px;height:auto;max-width:1068px}footer{color:var(--ink2);font-size:12px;padding:"
    "2px}\n"
    "@media print{html{background:none}section{break-inside:avoid}}\n"
    "</style>";

static const char eye[] =
    "<svg viewBox=\"0 0 24 24\" aria-hidden=\"true\" fill=\"none\" stroke=\"currentColor\" stroke-width=\"1.5\">"
    "<path d=\"M2 12C5 6.5 8.5 4.5 12 4.5S19 6.5 22 12c-3 5.5-6.5 7.5-10 7.5S5 17.5 2 12Z\"/>"
    "<circle cx=\"12\" cy=\"12\" r=\"4.6\"/>"
    "<path d=\"M12 9.6a2.4 2.4 0 1 0 2.4 2.4A2 2 0 0 1 12 9.6Z\" fill=\"currentColor\" stroke=\"none\"/></svg>";

void report_html_begin(FILE *page, const char *title)
{
    fprintf(page, "%s<title>", head);
    markup_printf(page, "%s · Pavo", title);
    fprintf(page, "</title>\n%s</head>\n<body><header>%s<h1>", style, eye);
    markup_text(page, title);
    fputs("</h1></header>\n<main>\n", page);
}

static void put_coverage(FILE *page, const struct coverage *coverage)
{
    const struct coverage_sentences *parts[] = {&coverage->gaps, &coverage->behind};
    bool whole = coverage->state == PAVO_COVERAGE_WHOLE;
    size_t shown = 0, count = coverage->gaps.count + coverage->behind.count;
    fprintf(page, "<div class=\"cov%s\"><b>%s</b>", whole ? "" : " w",
            whole                                   ? "Whole"
            : coverage->state == PAVO_COVERAGE_NONE ? "None"
                                                    : "Partial");
    if (coverage->state == PAVO_COVERAGE_NONE)
        fputs("nothing of that time is in the store", page);
    else if (whole)
        fputs("nothing is known to be missing", page);
    if (count > 0)
        fputs("<ul>", page);
    for (unsigned part = 0; part < 2; part++) {
        for (size_t i = 0; i < parts[part]->count && shown < GAPS_SHOWN_MAX; i++, shown++) {
            fputs("<li>", page);
            markup_text(page, parts[part]->items[i]);
            fputs("</li>", page);
        }
    }
    if (count > shown)
        fprintf(page, "<li>and %zu more: the command has them</li>", count - shown);
    fputs(count > 0 ? "</ul></div>\n" : "</div>\n", page);
}

void report_html_section(FILE *page, const char *title, const char *about, const char *command,
                         const struct coverage *coverage)
{
    fputs("<section><h2>", page);
    markup_text(page, title);
    fputs("</h2><p>", page);
    markup_text(page, about);
    fputs("</p>\n<code>", page);
    markup_text(page, command == NULL ? "" : command);
    fputs("</code>\n", page);
    put_coverage(page, coverage);
}

void report_html_section_end(FILE *page, const char *nothing)
{
    if (nothing != NULL) {
        fputs("<p>", page);
        markup_text(page, nothing);
        fputs("</p>", page);
    }
    fputs("</section>\n", page);
}

void report_html_end(FILE *page, int64_t made_ns, bool utc)
{
    char made[TIME_TEXT_MAX], zone[64] = "UTC";
    time_t seconds = made_ns / NS_PER_S;
    struct tm tm;
    if (!utc && localtime_r(&seconds, &tm) != NULL)
        (void)strftime(zone, sizeof(zone), "%Z (%z)", &tm);
    fputs("</main>\n<footer>", page);
    markup_printf(page, "Times: %s. Made %.19s by pavo %s.", zone, time_text(made_ns, utc, made), pavo_version());
    fputs("</footer></body></html>\n", page);
}
