// Times as the place's clock shows them: the site's time zone, whatever the browser's own.

const DAY_S = 86_400;

const LOCALES = { en: "en-GB" }; // dates as the server writes them

export function makeClock(language, zone) {
  const locale = LOCALES[language] ?? language;
  const formatter = (options) => new Intl.DateTimeFormat(locale, { timeZone: zone, hourCycle: "h23", ...options });
  const time = formatter({ hour: "2-digit", minute: "2-digit" });
  const day = formatter({ day: "numeric", month: "short" });
  const moment = formatter({ weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
  const write = (format) => (seconds) => format.format(new Date(seconds * 1000));
  return { zone, time: write(time), day: write(day), moment: write(moment), axis: (splits) => axis(splits, time, day) };
}

// Labels of a time axis: hours, and the date where a day begins; dates alone when a tick is a day or more.
function axis(splits, time, day) {
  const step = splits.length > 1 ? splits[1] - splits[0] : 0;
  let shown = "";
  return splits.map((seconds) => {
    const at = new Date(seconds * 1000);
    if (step >= DAY_S) return day.format(at);
    const date = day.format(at);
    const label = date === shown ? time.format(at) : `${time.format(at)}\n${date}`;
    shown = date;
    return label;
  });
}
