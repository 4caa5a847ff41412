
// How long it took until everything works, in milliseconds since the page was asked for.
document.documentElement.dataset.ready = Math.round(performance.now());
