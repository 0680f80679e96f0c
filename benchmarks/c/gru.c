/* The gated recurrent unit: parameters W_xr, W_hr, b_r, W_xz, W_hz, b_z, W_xn, b_xn, W_hn, b_hn, W_y, b_y; g holds
   their gradients in this order. Side by side stand r, z, and q = h W_hn + b_hn behind h, n behind x. */
#include "kernels.h"

double gradient(long batch, long steps, long d, long n, const double *const *p, const double *inputs, const double *y,
                double *g) {
    static const int of_x[3] = {0, 3, 6}, of_h[3] = {1, 4, 8}, of_b[3] = {2, 5, 9};
    const long row = batch * n, wide = 3 * n, all = batch * wide, block = block_of(batch);
    double *place = room((steps + 1) * row + 2 * steps * all + batch * steps * d + 2 * (d + 2 * n + 2) * wide
                         + 2 * block * all + 2 * all);
    if (!place) return NAN;
    double *h = take(&place, (steps + 1) * row), *from_h = take(&place, steps * all);
    double *from_x = take(&place, steps * all);
    double *W_x = take(&place, d * wide), *W_h = take(&place, n * wide), *b = take(&place, wide);
    double *b_x = take(&place, wide), *back = take(&place, n * wide), *sums = take(&place, (d + n + 2) * wide);
    double *dh = take(&place, row), *product = take(&place, row);
    double *da = take(&place, block * all), *dx = take(&place, block * all);
    double *dW_x = sums, *dW_h = dW_x + d * wide, *db = dW_h + n * wide, *db_x = db + wide;
    const double *x = by_time(batch, steps, d, inputs, place);
    double *to[12];

    for (int k = 0; k < 3; k++) {
        beside(d, n, wide, p[of_x[k]], W_x + k * n);
        beside(n, n, wide, p[of_h[k]], W_h + k * n);
        beside(1, n, wide, p[of_b[k]], b + k * n);
    }
    memset(b_x, 0, sizeof(double) * wide);
    memcpy(b_x + 2 * n, p[7], sizeof(double) * n);
    for (int k = 0; k < 12; k++) {
        to[k] = g;
        g += k >= 10 ? (k == 10 ? n : 1) : k == of_x[0] || k == of_x[1] || k == of_x[2] ? d * n
             : k == of_h[0] || k == of_h[1] || k == of_h[2] ? n * n : n;
    }
    transpose(n, wide, W_h, back);
    memset(sums, 0, sizeof(double) * (d + n + 2) * wide);
    memset(to[10], 0, sizeof(double) * (n + 1));
    memset(h, 0, sizeof(double) * row);
    for (long t = 0; t < steps; t++) {
        double *a = from_h + t * all, *e = from_x + t * all, *state = h + (t + 1) * row;
        const double *before = h + t * row;
        fill_rows(batch, wide, b, a);
        fill_rows(batch, wide, b_x, e);
        multiply(batch, d, wide, x + t * batch * d, d, 1, W_x, e);
        multiply(batch, n, wide, before, n, 1, W_h, a);
        for (long i = 0; i < batch; i++, a += wide, e += wide, before += n, state += n) {
            for (long j = 0; j < 2 * n; j++) a[j] = sigmoid(a[j] + e[j]);
            for (long j = 0; j < n; j++) e[2 * n + j] = tanh(e[2 * n + j] + a[j] * a[2 * n + j]);
            for (long j = 0; j < n; j++) state[j] = e[2 * n + j] + a[n + j] * (before[j] - e[2 * n + j]);
        }
    }
    const double loss = read_out(batch, n, p[10], p[11], h + steps * row, y, dh, to[10], to[11]);
    for (long end = steps; end > 0; end -= block) {
        const long first = end > block ? end - block : 0, rows = (end - first) * batch;
        for (long t = end - 1; t >= first; t--) {
            for (long i = 0; i < batch; i++) {
                const double *restrict a = from_h + t * all + i * wide, *restrict e = from_x + t * all + i * wide;
                const double *restrict before = h + t * row + i * n;
                double *restrict by_h = da + (t - first) * all + i * wide;
                double *restrict by_x = dx + (t - first) * all + i * wide;
                double *restrict s = dh + i * n;
                for (long j = 0; j < n; j++) {
                    const double r = a[j], z = a[n + j], q = a[2 * n + j], new = e[2 * n + j];
                    const double dn = s[j] * (1.0 - z) * (1.0 - new * new);
                    by_x[j] = by_h[j] = dn * q * r * (1.0 - r);
                    by_x[n + j] = by_h[n + j] = s[j] * (before[j] - new) * z * (1.0 - z);
                    by_x[2 * n + j] = dn;
                    by_h[2 * n + j] = dn * r;
                    s[j] *= z;
                }
            }
            memset(product, 0, sizeof(double) * row);
            multiply(batch, wide, n, da + (t - first) * all, wide, 1, back, product);
            for (long i = 0; i < row; i++) dh[i] += product[i];
        }
        gather(rows, d, wide, x + first * batch * d, dx, dW_x);
        gather(rows, n, wide, h + first * row, da, dW_h);
        add_rows(rows, wide, da, db);
        add_rows(rows, wide, dx, db_x);
    }
    for (int k = 0; k < 3; k++) {
        apart(d, n, wide, dW_x + k * n, to[of_x[k]]);
        apart(n, n, wide, dW_h + k * n, to[of_h[k]]);
        apart(1, n, wide, db + k * n, to[of_b[k]]);
    }
    memcpy(to[7], db_x + 2 * n, sizeof(double) * n);
    return loss;
}
