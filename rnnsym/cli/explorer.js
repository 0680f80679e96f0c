(function () {
  "use strict";
  var root = document.getElementById("explorer");
  var data = JSON.parse(document.getElementById("explorer-data").textContent);
  var form = root.querySelector("form"), line = root.querySelector(".curve"), grid = root.querySelector(".grid");
  var words = root.querySelector("output"), box = data.box, steps = data.steps;
  var radius = form.elements.radius, activation = form.elements.activation, lags = form.elements.lags;

  function make(name, attributes, text) {
    var node = document.createElementNS("http://www.w3.org/2000/svg", name);
    Object.keys(attributes).forEach(function (key) { node.setAttribute(key, attributes[key]); });
    if (text !== undefined) { node.textContent = text; }
    return node;
  }

  function bounds(curve, last) {
    var low = -2, high = 2;
    for (var k = 0; k <= last; k += 1) {
      if (curve[k] !== null) { low = Math.min(low, curve[k]); high = Math.max(high, curve[k]); }
    }
    return [Math.max(-data.widest, 5 * Math.floor(low / 5)), Math.min(data.widest, 5 * Math.ceil(high / 5))];
  }

  function said(value, last, name) {
    var start = last + " steps back, with ρ = " + data.radii[radius.value].toFixed(1) + (name ? " and " + name : "") + ", ";
    if (value === null) { return start + "the gradient is exactly 0."; }
    var exponent = Math.floor(value), size = "the gradient is " + Math.pow(10, value - exponent).toFixed(1) + " · 10" +
      power(exponent) + " times as large";
    if (value < -1) { return start + size + ": it vanishes."; }
    return start + size + (value > 1 ? ": it explodes." : ": it is kept.");
  }

  function draw() {
    var last = Number(lags.value), curve = data.curves[activation.value].decades[radius.value];
    var range = bounds(curve, last), name = data.curves[activation.value].name, path = "", pen = "M";
    function x(k) { return box.left + (box.right - box.left) * k / last; }
    function y(v) { return box.bottom - (box.bottom - box.top) * (v - range[0]) / (range[1] - range[0]); }
    for (var k = 0; k <= last; k += 1) {
      if (curve[k] === null) { pen = "M"; continue; }
      path += pen + x(k).toFixed(1) + " " + y(Math.min(range[1], Math.max(range[0], curve[k]))).toFixed(1);
      pen = "L";
    }
    line.setAttribute("d", path);
    grid.replaceChildren();
    for (var v = range[0]; v <= range[1]; v += 5) {
      grid.append(make("line", {x1: box.left, x2: box.right, y1: y(v), y2: y(v), "class": v === 0 ? "zero" : "rule"}));
      grid.append(make("text", {x: box.left - 8, y: y(v) + 4, "text-anchor": "end"}, v === 0 ? "1" : "10" + power(v)));
    }
    for (var part = 0; part <= 4; part += 1) {
      var lag = Math.round(last * part / 4);
      grid.append(make("text", {x: x(lag), y: box.bottom + 18, "text-anchor": "middle"}, lag));
    }
    form.querySelector(".radius").textContent = data.radii[radius.value].toFixed(1);
    form.querySelector(".lags").textContent = last;
    words.textContent = said(curve[last], last, name);
  }

  function power(value) {
    return String(value).replace(/-/g, "⁻").replace(/[0-9]/g, function (digit) { return "⁰¹²³⁴⁵⁶⁷⁸⁹"[digit]; });
  }

  lags.max = steps;
  form.hidden = false;
  form.addEventListener("input", draw);
  form.addEventListener("submit", function (event) { event.preventDefault(); });
  draw();
}());
