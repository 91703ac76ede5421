"""The page of `spillover view` in headless Chromium: usage view.py SPILLOVER RUNS SUITE [SCREENSHOTS]

Drives chromedriver (Debian's chromium-driver) over its HTTP protocol. Checks that the page loads without a message on the
console, asks nothing of the network, filters cells, opens a cell and an item, and that nothing is wider than a narrow
window. With SCREENSHOTS, a folder, pictures of every section are left there, wide and narrow.

Exit 0: as it should be, or there is no chromium or chromedriver (said); 1: it is not.
"""
import base64, json, pathlib, shutil, subprocess, sys, tempfile, time, urllib.request

FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--window-size=1280,900"]


class Browser:
    def __init__(self, folder):
        self.driver = subprocess.Popen(["chromedriver", "--port=0", "--log-level=SEVERE"], stdout=subprocess.PIPE, text=True)
        port = None
        for line in self.driver.stdout:
            if "on port" in line and "successfully" in line:
                port = line.split("on port")[1].strip(" .\n")
                break
        if not port:
            raise RuntimeError("chromedriver did not say its port")
        self.at = f"http://127.0.0.1:{port}/session"
        options = {"args": FLAGS + [f"--user-data-dir={folder}"]}
        capabilities = {"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}}
        self.at += "/" + self.call("", {"capabilities": capabilities})["sessionId"]

    def call(self, path, body=None, method="POST"):
        request = urllib.request.Request(self.at + path, method=method, headers={"Content-Type": "application/json"},
                                         data=None if body is None else json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["value"]

    def js(self, script, *args):
        return self.call("/execute/sync", {"script": script, "args": list(args)})

    def find(self, css):
        return "/element/" + next(iter(self.call("/element", {"using": "css selector", "value": css}).values()))

    def click(self, css):
        self.call(self.find(css) + "/click", {})

    def type(self, css, text):
        self.call(self.find(css) + "/value", {"text": text})

    def log(self, kind):
        return self.call("/se/log", {"type": kind})

    def size(self, width, height):
        self.call("/window/rect", {"width": width, "height": height})

    def picture(self, path):
        path.write_bytes(base64.b64decode(self.call("/screenshot", None, "GET")))

    def close(self):
        try:
            self.call("", None, "DELETE")
        finally:
            self.driver.terminate()
            self.driver.wait(20)


def check(browser, page, pictures):
    wrong = []

    def expect(what, found, wanted):
        if found != wanted:
            wrong.append(f"{what}: {found!r}, not {wanted!r}")

    def expect_more(what, found, least):
        if not found > least:
            wrong.append(f"{what}: {found!r} is not more than {least!r}")

    def go(place):
        browser.call("/url", {"url": f"file://{page}{place}"})
        time.sleep(.2)

    go("")
    cells, items = browser.js("const d = JSON.parse(document.getElementById('data').textContent);"
                              "return [d.cells.length, d.examples.length ? d.examples[0].items.length : 0]")
    shown = "return document.querySelectorAll(arguments[0]).length"
    expect("sections to see", browser.js("return [...document.querySelectorAll('main > section')].filter(s => !s.hidden).map(s => s.id)"), ["report"])
    expect_more("figures in the report", browser.js(shown, "#report figure svg"), 0)
    expect_more("verdicts", browser.js("return document.getElementById('report').innerText.includes('Verdicts') ? 1 : 0"), 0)

    browser.click('nav a[href="#cells"]')
    expect("rows without a filter", browser.js(shown, "#cell-rows tr"), cells)
    browser.type("#cell-filter", "codi conceal")
    left = browser.js(shown, "#cell-rows tr")
    expect_more("rows that the filter leaves", left, 0)
    expect_more("rows that the filter hides", cells - left, 0)
    expect("rows that lack a word", browser.js("return [...document.querySelectorAll('#cell-rows tr')].filter(r => !/codi/.test(r.innerText) || !/conceal/.test(r.innerText)).length"), 0)
    browser.click("#cell-rows tr")
    time.sleep(.2)
    expect_more("numbers of the opened cell", browser.js(shown, "#cell tbody tr"), 3)

    browser.click('nav a[href="#examples"]')
    expect("questions", browser.js(shown, "#item-list button"), items)
    browser.click("#item-list button:nth-child(3)")
    time.sleep(.2)
    expect("the opened question", browser.js("return document.querySelector('#item h2').innerText"), "Question 3")
    expect_more("its lines", browser.js(shown, "#item tbody tr"), 3)
    expect("its place", browser.js("return location.hash.split('/')[2]"), "3")

    for width, name in ((1280, "wide"), (390, "narrow")):
        browser.size(width, 900)
        for place in ("report", "cells", "examples"):
            go(f"#{place}")
            over = browser.js("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
            if over > 1:
                wide = browser.js("return [...document.querySelectorAll('main *')].filter(e => e.getBoundingClientRect().right > innerWidth && !e.closest('.wide, figure')).map(e => e.tagName + '.' + e.className + '#' + e.id).slice(0, 3)")
                label = f"{place} ({', '.join(wide)})"
                wrong.append(f"{label}, {name}: {over} px wider than the window")
            if pictures:
                browser.picture(pictures / f"{place}-{name}.png")
    browser.size(1280, 900)

    messages = [m["message"] for m in browser.log("browser")]
    expect("messages on the console", messages, [])
    asked = []
    for entry in browser.log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            asked.append(message["params"]["request"]["url"])
    outside = ("http", "ws", "ftp", "file")  # the empty first tab asks for pieces of Chromium itself
    expect("requests other than the page", [u for u in asked if u.startswith(outside) and not u.startswith(f"file://{page}")], [])
    return wrong


def main():
    program, runs, suite = sys.argv[1:4]
    pictures = pathlib.Path(sys.argv[4]) if len(sys.argv) > 4 else None
    missing = [name for name in ("chromium", "chromedriver") if not shutil.which(name)]
    if missing:
        print(f"view: skipped, there is no {' and no '.join(missing)} (Debian: chromium, chromium-driver)")
        return 0
    if pictures:
        pictures.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        page = pathlib.Path(folder) / "view.html"
        subprocess.run([program, "view", suite, "--out", runs, "--to", page, "--items", "200", "--quiet"], check=True, stdout=subprocess.DEVNULL)
        browser = Browser(pathlib.Path(folder) / "profile")
        try:
            wrong = check(browser, page, pictures)
        finally:
            browser.close()
    for line in wrong:
        print(f"view: {line}")
    if not wrong:
        print("view: loads without a message, filters, opens a cell and a question, asks nothing of the network")
    return bool(wrong)


sys.exit(main())
