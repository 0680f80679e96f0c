/* Long short-term memory: parameters in four triples W_x·, W_h·, b_·, then W_y, b_y; g holds their gradients in this
   order. The triples come as i, f, g, o; side by side the gates stand as i, f, o, g. */
#include "kernels.h"

double gradient(long batch, long steps, long d, long n, const double *const *p, const double *inputs, const double *y,
                double *g) {
    static const int order[4] = {0, 1, 3, 2};
    const long row = batch * n, wide = 4 * n, all = batch * wide, block = block_of(batch);
    double *place = room(2 * (steps + 1) * row + steps * (all + row) + batch * steps * d + 2 * (d + 2 * n + 1) * wide
                         + block * all + 2 * row);
    if (!place) return NAN;
    double *h = take(&place, (steps + 1) * row), *c = take(&place, (steps + 1) * row);
    double *gates = take(&place, steps * all), *u = take(&place, steps * row);
    double *W_x = take(&place, d * wide), *W_h = take(&place, n * wide), *b = take(&place, wide);
    double *back = take(&place, n * wide), *sums = take(&place, (d + n + 1) * wide);
    double *dh = take(&place, row), *dc = take(&place, row), *da = take(&place, block * all);
    double *dW_x = sums, *dW_h = dW_x + d * wide, *db = dW_h + n * wide;
    const double *x = by_time(batch, steps, d, inputs, place);
    const long triple = d * n + n * n + n;
    double *dW_y = g + 4 * triple;

    for (int k = 0; k < 4; k++) {
        const long at = order[k] * n;
        beside(d, n, wide, p[3 * k], W_x + at);
        beside(n, n, wide, p[3 * k + 1], W_h + at);
        beside(1, n, wide, p[3 * k + 2], b + at);
    }
    transpose(n, wide, W_h, back);
    memset(sums, 0, sizeof(double) * (d + n + 1) * wide);
    memset(dW_y, 0, sizeof(double) * (n + 1));
    memset(h, 0, sizeof(double) * row);
    memset(c, 0, sizeof(double) * row);
    memset(dc, 0, sizeof(double) * row);
    for (long t = 0; t < steps; t++) {
        double *a = gates + t * all, *v = u + t * row;
        const double *before = c + t * row;
        double *now = c + (t + 1) * row, *state = h + (t + 1) * row;
        fill_rows(batch, wide, b, a);
        multiply(batch, d, wide, x + t * batch * d, d, 1, W_x, a);
        multiply(batch, n, wide, h + t * row, n, 1, W_h, a);
        for (long i = 0; i < batch; i++, a += wide, v += n, before += n, now += n, state += n) {
            for (long j = 0; j < 3 * n; j++) a[j] = sigmoid(a[j]);
            for (long j = 3 * n; j < wide; j++) a[j] = tanh(a[j]);
            for (long j = 0; j < n; j++) now[j] = a[n + j] * before[j] + a[j] * a[3 * n + j];
            for (long j = 0; j < n; j++) v[j] = tanh(now[j]);
            for (long j = 0; j < n; j++) state[j] = a[2 * n + j] * v[j];
        }
    }
    const double loss = read_out(batch, n, p[12], p[13], h + steps * row, y, dh, dW_y, dW_y + n);
    for (long end = steps; end > 0; end -= block) {
        const long first = end > block ? end - block : 0, rows = (end - first) * batch;
        for (long t = end - 1; t >= first; t--) {
            for (long i = 0; i < batch; i++) {
                const double *restrict a = gates + t * all + i * wide, *restrict v = u + t * row + i * n;
                const double *restrict before = c + t * row + i * n;
                double *restrict to = da + (t - first) * all + i * wide, *restrict e = dc + i * n;
                const double *restrict s = dh + i * n;
                for (long j = 0; j < n; j++) {
                    const double in = a[j], keep = a[n + j], out = a[2 * n + j], new = a[3 * n + j];
                    const double whole = e[j] + s[j] * out * (1.0 - v[j] * v[j]);
                    to[j] = whole * new * in * (1.0 - in);
                    to[n + j] = whole * before[j] * keep * (1.0 - keep);
                    to[2 * n + j] = s[j] * v[j] * out * (1.0 - out);
                    to[3 * n + j] = whole * in * (1.0 - new * new);
                    e[j] = whole * keep;
                }
            }
            memset(dh, 0, sizeof(double) * row);
            multiply(batch, wide, n, da + (t - first) * all, wide, 1, back, dh);
        }
        gather(rows, d, wide, x + first * batch * d, da, dW_x);
        gather(rows, n, wide, h + first * row, da, dW_h);
        add_rows(rows, wide, da, db);
    }
    for (int k = 0; k < 4; k++) {
        const long at = order[k] * n;
        apart(d, n, wide, dW_x + at, g + k * triple);
        apart(n, n, wide, dW_h + at, g + k * triple + d * n);
        apart(1, n, wide, db + at, g + k * triple + d * n + n * n);
    }
    return loss;
}
